"""`ehr_postgres`: an HR system whose views live in a PostgreSQL; `sql/views.sql` creates them where there are none."""
