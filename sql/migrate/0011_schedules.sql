-- Where a schedule begins is no slot that was skipped; and who started one by hand is kept.
alter table cron_slot drop constraint cron_slot_state_check;
alter table cron_slot add constraint cron_slot_state_check
  check (state in ('fired', 'skipped', 'begun'));

create table cron_run (
  job_id text primary key,
  name text not null,
  created_at timestamptz not null default now()
);
create index cron_run_latest on cron_run (name, created_at desc);
