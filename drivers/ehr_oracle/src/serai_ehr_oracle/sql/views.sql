-- The views of the contract over PeopleSoft's own tables: a starting point for who owns the HR database.
--
--   sqlplus sysadm@hr @views.sql
--
-- Run it as the owner of the PeopleSoft tables (usually SYSADM), or as another schema with SELECT ... WITH GRANT OPTION
-- on them. Records differ between versions of PeopleSoft: where yours has no LASTUPDDTTM, take a stamp that moves with
-- every change (for what belongs to a person PS_PERSON.LAST_CHILD_UPDDTM will do), never a constant or SYSDATE. The last
-- two views read records of your own: chat and directory accounts, and who looks after whom.
--
-- Increments ask for LASTUPDDTTM and EFFDT; an index on each of them keeps PS_JOB from being scanned every few minutes.

create or replace view v_is_person as
select p.emplid, p.birthdate, coalesce(d.sex, ' ') as sex, coalesce(d.highest_educ_lvl, ' ') as highest_educ_lvl,
       p.last_child_upddtm as lastupddttm
from ps_person p
left join (
    select emplid, sex, highest_educ_lvl,
           row_number() over (
               partition by emplid
               order by case when effdt <= current_date then effdt end desc nulls last, effdt
           ) as place
    from ps_pers_data_effdt
) d on d.emplid = p.emplid and d.place = 1;

create or replace view v_is_name as
select emplid, name_type, effdt, name, last_name, first_name, name_ac, pref_first_name, lastupddttm
from ps_names;

create or replace view v_is_contact as
select emplid, 'PHONE' as contact_kind, phone_type as contact_type, country_code, phone as contact_value, extension,
       pref_phone_flag as pref_flag, lastupddttm
from ps_personal_phone
union all
select emplid, 'EMAIL', e_addr_type, ' ', email_addr, ' ', pref_email_flag, lastupddttm
from ps_email_addresses;

create or replace view v_is_nid as
select emplid, country, national_id_type, national_id, primary_nid, lastupddttm
from ps_pers_nid;

create or replace view v_is_job as
select emplid, empl_rcd, effdt, effseq, per_org, hr_status, empl_status, action, action_reason, job_indicator,
       setid_dept, deptid, setid_jobcode, jobcode, setid_location, location, position_nbr, supervisor_id, company,
       business_unit, grade, reg_temp, full_part_time, hire_dt, last_hire_dt, termination_dt, last_date_worked,
       expected_end_date, lastupddttm
from ps_job;

create or replace view v_is_dept as
select setid, deptid, effdt, eff_status, descr, descrshort, company, location, manager_id, lastupddttm
from ps_dept_tbl;

create or replace view v_is_dept_tree as
select setid, tree_name, effdt, tree_node, parent_node_name, tree_node_num, tree_node_num_end, tree_level_num
from pstreenode
where tree_name = 'DEPT_SECURITY';

create or replace view v_is_jobcode as
select setid, jobcode, effdt, eff_status, descr, descrshort, lastupddttm
from ps_jobcode_tbl;

create or replace view v_is_location as
select setid, location, effdt, eff_status, descr, city, country, lastupddttm
from ps_location_tbl;

create or replace view v_is_account as
select emplid, rtx_id, ad_account, lastupddttm
from ps_is_account;

create or replace view v_is_relation as
select scope, scope_id, relation, emplid, sort_order, lastupddttm
from ps_is_relation;

-- The account that reads; V_IS_NID is a grant of its own.
--
--   create user serai_read identified by "...";
--   grant create session to serai_read;
--   grant select on v_is_person to serai_read;    -- and each of the others
