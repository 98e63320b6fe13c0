-- What must reach Redis: jobs and live events, written in the transaction of what caused them
-- and moved by the scheduler in numbered batches. So nothing that was committed can be lost
-- between PostgreSQL and Redis, and nothing is done for what was rolled back.

create table outbox (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('job', 'event')),
  target text not null,                -- a queue's name, or 'rt' for the relays' log
  name text not null,                  -- of the job or the event
  room text,                           -- of an event
  data jsonb not null,
  opts jsonb not null default '{}',    -- of a job: delay (ms), lane, unique
  batch bigint,
  sent_at timestamptz,
  created_at timestamptz not null default now()
);
create index outbox_waiting on outbox (target, id) where batch is null;
create index outbox_batch on outbox (target, batch) where batch is not null;

-- The last batch number given out. The generation is renewed by a restore, so that Redis never
-- takes numbers of another history for its own.
create table outbox_target (
  target text primary key,
  generation uuid not null default gen_random_uuid(),
  batch bigint not null default 0
);

-- Who inserts the row decides that the slot fires: any number of schedulers, never twice.
create table cron_slot (
  name text not null,
  slot timestamptz not null,
  state text not null check (state in ('fired', 'skipped')),
  created_at timestamptz not null default now(),
  primary key (name, slot)
);

-- A job whose effect must not happen twice writes its id here in the effect's own transaction.
create table job_done (
  job_id text primary key,
  created_at timestamptz not null default now()
);
