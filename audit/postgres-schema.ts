/** Where all tables lie, beside whatever else the database is for. */
export const schemaName = 'quorate_audit'

/** Kept as the schema's comment; goes up with every change of the tables. */
export const schemaComment = 'The record of Quorate, version 1'

/** As in SQLite, table by table and rule by rule; texts are compared byte by byte, so that lists come in one order. */
export const schema = `
create schema ${schemaName};
comment on schema ${schemaName} is '${schemaComment}';
set local search_path = ${schemaName}, pg_temp;

create table events (
  run text collate "C" not null,
  seq integer not null check (seq > 0),
  id text collate "C" not null,
  workflow text collate "C" not null,
  name text collate "C" not null,
  at text collate "C" not null,
  person text collate "C",
  runbook text collate "C",
  cluster text collate "C",
  outcome text collate "C",
  words text collate "C",
  hash text collate "C" not null,
  text text collate "C" not null,
  primary key (run, seq),
  unique (run, id)
);
create index events_first on events (at, run) include (workflow) where seq = 1;
create index events_listed on events (run, name, seq) include (cluster, runbook, outcome) where words is not null;
create index events_person on events (person, run) where person is not null;

create table blobs (
  sha256 text collate "C" not null primary key,
  gzip integer not null check (gzip in (0, 1)),
  content bytea not null
);
alter table blobs alter content set storage external;

create table uses (
  run text collate "C" not null,
  sha256 text collate "C" not null references blobs (sha256),
  primary key (run, sha256)
);
create index uses_blob on uses (sha256);

create table checkpoints (
  n integer not null primary key,
  kind text collate "C" not null,
  run text collate "C" not null,
  seq integer not null,
  hash text collate "C" not null,
  signature text collate "C" not null,
  public_key text collate "C" not null,
  text text collate "C" not null
);
create index checkpoints_run on checkpoints (run, n);

create function never_changed() returns trigger language plpgsql as $$
begin
  raise exception 'the record is never changed';
end $$;
create trigger events_no_update before update or truncate on events execute function never_changed();
create trigger blobs_no_update before update or truncate on blobs execute function never_changed();
create trigger uses_no_update before update or truncate on uses execute function never_changed();
create trigger checkpoints_no_change before update or delete or truncate on checkpoints
  execute function never_changed();

create function only_removed_runs() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from ${schemaName}.checkpoints where run = old.run and kind = 'removed')
    or (
      select kind from ${schemaName}.checkpoints
      where run = old.run and kind in ('held', 'released') order by n desc limit 1
    ) = 'held'
  then
    raise exception 'a run leaves the record only after a checkpoint says so, and never while it is held';
  end if;
  return old;
end $$;
create trigger events_no_delete before delete on events for each row execute function only_removed_runs();
create trigger uses_no_delete before delete on uses for each row execute function only_removed_runs();

create function only_unused_blobs() returns trigger language plpgsql as $$
begin
  if exists (select 1 from ${schemaName}.uses where sha256 = old.sha256) then
    raise exception 'a run on record refers to this blob';
  end if;
  return old;
end $$;
create trigger blobs_no_delete before delete on blobs for each row execute function only_unused_blobs();
`
