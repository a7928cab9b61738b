-- From the source tables in `sample` to PeopleSoft-shaped ones in the search path. Every row is as old as it is true.

insert into ps_person (emplid, birthdate, last_child_upddtm)
select emp_no, birth_date, hire_date from sample.employee;

insert into ps_pers_data_effdt (emplid, effdt, sex)
select emp_no, birth_date, gender from sample.employee;

insert into ps_names (emplid, name_type, effdt, name, last_name, first_name, lastupddttm)
select emp_no, 'PRI', hire_date, last_name || ',' || first_name, last_name, first_name, hire_date from sample.employee;

insert into is_account (emplid, rtx_id, ad_account, lastupddttm)
select emp_no, 'u' || emp_no, 'u' || emp_no, hire_date from sample.employee;

insert into ps_email_addresses (emplid, e_addr_type, email_addr, pref_email_flag, lastupddttm)
select emp_no, 'BUSN', 'u' || emp_no || '@sample.example', 'Y', hire_date from sample.employee;

-- A job code for each title, in alphabetical order.
insert into ps_jobcode_tbl (setid, jobcode, effdt, eff_status, descr, descrshort)
select 'SHARE', 'J' || lpad((row_number() over (order by title))::text, 3, '0'), date '1985-01-01', 'A', title,
       left(title, 10)
from (select distinct title from sample.title) titles;

insert into ps_location_tbl (setid, location, effdt, eff_status, descr)
values ('SHARE', 'MAIN', '1985-01-01', 'A', 'Main Office');

with starts as (  -- every day on which a department or a title began
    select emp_no, from_date, dept_no, null as title, 0 as place from sample.dept_emp
    union all
    select emp_no, from_date, null, title, 1 from sample.title
), first_days as (
    select emp_no, min(from_date) as hired, max(to_date) as ended from sample.dept_emp group by emp_no
), changes as (  -- the first day is one row (the hire); on a later day each change is a row of its own
    select s.emp_no, s.from_date, s.place,
           case when s.from_date = f.hired then 'HIR' when s.place = 0 then 'XFR' else 'PRO' end as action
    from starts s join first_days f using (emp_no)
    where s.from_date > f.hired or s.place = 0
    union all
    select emp_no, ended + 1, 2, 'TER' from first_days where ended < date '9999-01-01'
)
insert into ps_job (emplid, empl_rcd, effdt, effseq, per_org, hr_status, empl_status, action, job_indicator, setid_dept,
                    deptid, setid_jobcode, jobcode, setid_location, location, company, reg_temp, full_part_time, hire_dt,
                    last_hire_dt, termination_dt, last_date_worked, lastupddttm)
select c.emp_no, 0, c.from_date, row_number() over (partition by c.emp_no, c.from_date order by c.place) - 1, 'EMP',
       case c.action when 'TER' then 'I' else 'A' end, case c.action when 'TER' then 'T' else 'A' end, c.action, 'P',
       'SHARE', department.dept_no, 'SHARE', code.jobcode, 'SHARE', 'MAIN', 'SMP', 'R', 'F', f.hired, f.hired,
       case c.action when 'TER' then f.ended end, case c.action when 'TER' then f.ended end, c.from_date
from changes c
join first_days f using (emp_no)
join lateral (  -- the department begun last
    select d.dept_no from sample.dept_emp d
    where d.emp_no = c.emp_no and d.from_date <= c.from_date
    order by d.from_date desc limit 1
) department on true
join lateral (  -- the title begun last; before the day's promotion still the one before
    select t.title from sample.title t
    where t.emp_no = c.emp_no and (t.from_date < c.from_date or t.from_date = c.from_date and c.action <> 'XFR')
    order by t.from_date desc limit 1
) title on true
join ps_jobcode_tbl code on code.descr = title.title;

-- Departments: the root that the source lacks, and a row for each manager.
insert into ps_dept_tbl (setid, deptid, effdt, eff_status, descr, descrshort, company, location)
values ('SHARE', 'd000', '1985-01-01', 'A', 'Sample Company', 'Sample', 'SMP', 'MAIN');

insert into ps_dept_tbl (setid, deptid, effdt, eff_status, descr, descrshort, company, location, manager_id, lastupddttm)
select 'SHARE', dept_no, from_date, 'A', dept_name, left(dept_name, 10), 'SMP', 'MAIN', emp_no, from_date
from sample.dept_manager join sample.department using (dept_no);

insert into pstreenode (setid, tree_name, effdt, tree_node, parent_node_name, tree_node_num, tree_node_num_end, tree_level_num)
select 'SHARE', 'DEPT_SECURITY', date '1985-01-01', 'd000', ' ', 1, 1 + count(*), 1 from sample.department
union all
select 'SHARE', 'DEPT_SECURITY', date '1985-01-01', dept_no, 'd000', place, place, 2
from (select dept_no, 1 + row_number() over (order by dept_no) as place from sample.department) departments;

insert into is_relation (scope, scope_id, relation, emplid, lastupddttm)
select 'D', dept_no, 'LEADER', emp_no, from_date from sample.dept_manager where to_date = date '9999-01-01';
