-- PeopleSoft-shaped tables, and over them the views that the driver reads.
--
--   create schema hr;
--   set search_path to hr;
--   \i views.sql
--
-- Where the tables are there already, run the second half alone. As in PeopleSoft a character column is never NULL: an
-- empty one holds one blank. Times carry no zone and are the company's. V_IS_NID is to be granted apart from the others.

create table ps_person (
    emplid varchar(11) primary key,
    birthdate date,
    last_child_upddtm timestamp(0)
);

create table ps_pers_data_effdt (
    emplid varchar(11) not null,
    effdt date not null,
    sex varchar(1) not null default ' ',
    highest_educ_lvl varchar(2) not null default ' ',
    primary key (emplid, effdt)
);

create table ps_names (
    emplid varchar(11) not null,
    name_type varchar(3) not null,
    effdt date not null,
    name varchar(50) not null default ' ',
    last_name varchar(30) not null default ' ',
    first_name varchar(30) not null default ' ',
    name_ac varchar(50) not null default ' ',
    pref_first_name varchar(30) not null default ' ',
    lastupddttm timestamp(0),
    primary key (emplid, name_type, effdt)
);

create table ps_personal_phone (
    emplid varchar(11) not null,
    phone_type varchar(4) not null,
    country_code varchar(3) not null default ' ',
    phone varchar(24) not null default ' ',
    extension varchar(6) not null default ' ',
    pref_phone_flag varchar(1) not null default ' ',
    lastupddttm timestamp(0),
    primary key (emplid, phone_type)
);

create table ps_email_addresses (
    emplid varchar(11) not null,
    e_addr_type varchar(4) not null,
    email_addr varchar(70) not null default ' ',
    pref_email_flag varchar(1) not null default ' ',
    lastupddttm timestamp(0),
    primary key (emplid, e_addr_type)
);

create table ps_pers_nid (
    emplid varchar(11) not null,
    country varchar(3) not null,
    national_id_type varchar(6) not null,
    national_id varchar(20) not null default ' ',
    primary_nid varchar(1) not null default ' ',
    lastupddttm timestamp(0),
    primary key (emplid, country, national_id_type)
);

create table ps_job (
    emplid varchar(11) not null,
    empl_rcd smallint not null,
    effdt date not null,
    effseq smallint not null,
    per_org varchar(3) not null default ' ',
    hr_status varchar(1) not null default ' ',
    empl_status varchar(1) not null default ' ',
    action varchar(3) not null default ' ',
    action_reason varchar(3) not null default ' ',
    job_indicator varchar(1) not null default ' ',
    setid_dept varchar(5) not null default ' ',
    deptid varchar(10) not null default ' ',
    setid_jobcode varchar(5) not null default ' ',
    jobcode varchar(6) not null default ' ',
    setid_location varchar(5) not null default ' ',
    location varchar(10) not null default ' ',
    position_nbr varchar(8) not null default ' ',
    supervisor_id varchar(11) not null default ' ',
    company varchar(3) not null default ' ',
    business_unit varchar(5) not null default ' ',
    grade varchar(3) not null default ' ',
    reg_temp varchar(1) not null default ' ',
    full_part_time varchar(1) not null default ' ',
    hire_dt date,
    last_hire_dt date,
    termination_dt date,
    last_date_worked date,
    expected_end_date date,
    lastupddttm timestamp(0),
    primary key (emplid, empl_rcd, effdt, effseq)
);

create table ps_dept_tbl (
    setid varchar(5) not null,
    deptid varchar(10) not null,
    effdt date not null,
    eff_status varchar(1) not null default ' ',
    descr varchar(30) not null default ' ',
    descrshort varchar(10) not null default ' ',
    company varchar(3) not null default ' ',
    location varchar(10) not null default ' ',
    manager_id varchar(11) not null default ' ',
    lastupddttm timestamp(0),
    primary key (setid, deptid, effdt)
);

create table pstreenode (
    setid varchar(5) not null,
    tree_name varchar(18) not null,
    effdt date not null,
    tree_node varchar(20) not null,
    parent_node_name varchar(20) not null default ' ',
    tree_node_num numeric(10) not null,
    tree_node_num_end numeric(10) not null,
    tree_level_num numeric(3) not null,
    primary key (setid, tree_name, effdt, tree_node_num)
);

create table ps_jobcode_tbl (
    setid varchar(5) not null,
    jobcode varchar(6) not null,
    effdt date not null,
    eff_status varchar(1) not null default ' ',
    descr varchar(30) not null default ' ',
    descrshort varchar(10) not null default ' ',
    lastupddttm timestamp(0),
    primary key (setid, jobcode, effdt)
);

create table ps_location_tbl (
    setid varchar(5) not null,
    location varchar(10) not null,
    effdt date not null,
    eff_status varchar(1) not null default ' ',
    descr varchar(30) not null default ' ',
    city varchar(30) not null default ' ',
    country varchar(3) not null default ' ',
    lastupddttm timestamp(0),
    primary key (setid, location, effdt)
);

-- Not PeopleSoft's own: chat and directory accounts, and who looks after whom.
create table is_account (
    emplid varchar(11) primary key,
    rtx_id varchar(30) not null default ' ',
    ad_account varchar(30) not null default ' ',
    lastupddttm timestamp(0)
);

create table is_relation (
    scope varchar(1) not null,
    scope_id varchar(11) not null,
    relation varchar(6) not null,
    emplid varchar(11) not null,
    sort_order smallint not null default 1,
    lastupddttm timestamp(0),
    primary key (scope, scope_id, relation, emplid)
);

-- The views of the contract.

create view v_is_person as
select p.emplid, p.birthdate, coalesce(d.sex, ' ') as sex, coalesce(d.highest_educ_lvl, ' ') as highest_educ_lvl,
       p.last_child_upddtm as lastupddttm
from ps_person p
left join lateral (
    select sex, highest_educ_lvl
    from ps_pers_data_effdt e
    where e.emplid = p.emplid
    order by e.effdt <= current_date desc, abs(e.effdt - current_date)  -- the current row, else the first to come
    limit 1
) d on true;

create view v_is_name as
select emplid, name_type, effdt, name, last_name, first_name, name_ac, pref_first_name, lastupddttm
from ps_names;

create view v_is_contact as
select emplid, 'PHONE'::varchar(5) as contact_kind, phone_type as contact_type, country_code, phone as contact_value,
       extension, pref_phone_flag as pref_flag, lastupddttm
from ps_personal_phone
union all
select emplid, 'EMAIL', e_addr_type, ' ', email_addr, ' ', pref_email_flag, lastupddttm
from ps_email_addresses;

create view v_is_nid as
select emplid, country, national_id_type, national_id, primary_nid, lastupddttm
from ps_pers_nid;

create view v_is_job as
select emplid, empl_rcd, effdt, effseq, per_org, hr_status, empl_status, action, action_reason, job_indicator,
       setid_dept, deptid, setid_jobcode, jobcode, setid_location, location, position_nbr, supervisor_id, company,
       business_unit, grade, reg_temp, full_part_time, hire_dt, last_hire_dt, termination_dt, last_date_worked,
       expected_end_date, lastupddttm
from ps_job;

create view v_is_dept as
select setid, deptid, effdt, eff_status, descr, descrshort, company, location, manager_id, lastupddttm
from ps_dept_tbl;

create view v_is_dept_tree as
select setid, tree_name, effdt, tree_node, parent_node_name, tree_node_num, tree_node_num_end, tree_level_num
from pstreenode
where tree_name = 'DEPT_SECURITY';

create view v_is_jobcode as
select setid, jobcode, effdt, eff_status, descr, descrshort, lastupddttm
from ps_jobcode_tbl;

create view v_is_location as
select setid, location, effdt, eff_status, descr, city, country, lastupddttm
from ps_location_tbl;

create view v_is_account as
select emplid, rtx_id, ad_account, lastupddttm
from is_account;

create view v_is_relation as
select scope, scope_id, relation, emplid, sort_order, lastupddttm
from is_relation;
