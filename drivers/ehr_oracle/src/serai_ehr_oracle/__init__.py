"""`ehr_oracle`: an HR system whose views live in an Oracle database; `sql/views.sql` creates them over PeopleSoft."""
