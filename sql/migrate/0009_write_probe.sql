-- Whether this server takes writes is asked by a write (/ready, doctor): one that is read-only,
-- a standby or without room on its disk answers every read well.
create table write_probe (
  one boolean primary key default true check (one),
  at timestamptz not null default now()
);
insert into write_probe default values;

-- At most one write in a second, whoever asks and however often: who finds a younger one knows
-- that it went well. The row's own page has room as long as there is a server, so the disk is
-- asked by rows that do not fit into memory: a file of some 250 kB, gone when it is done.
create function probe_write() returns void
language plpgsql security definer set search_path = public, pg_temp set work_mem = '64kB' as $$
begin
  update write_probe set at = clock_timestamp()
  where at not between clock_timestamp() - interval '1 second' and clock_timestamp();
  if found then
    perform count(*) from unnest(array_fill(repeat('x', 1000), array[256])) x;
  end if;
end $$;
