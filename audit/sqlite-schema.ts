/** Goes up with every change of the tables; a file of a newer one is refused. */
export const schemaVersion = 1

/** `QUOR`: tells our files from other SQLite files. */
export const applicationId = 0x51_55_4f_52

/**
 * Nothing is ever changed, and whole runs are removed only after a checkpoint says so and while nobody holds them.
 * That keeps out mistakes; whoever may write the file can drop a trigger, which is what verification is for.
 */
export const schema = `
create table events (
  run text not null,
  seq integer not null check (seq > 0),
  id text not null,
  workflow text not null,
  name text not null,
  at text not null,
  person text,
  runbook text,
  cluster text,
  outcome text,
  words text,
  hash text not null,
  text text not null,
  primary key (run, seq),
  unique (run, id)
) strict;
create index events_first on events (at, run, workflow) where seq = 1;
create index events_listed on events (run, name, seq, at, runbook, cluster, outcome, words) where words is not null;
create index events_person on events (person, run) where person is not null;

create table blobs (
  sha256 text not null primary key,
  gzip integer not null check (gzip in (0, 1)),
  content blob not null
) strict;

create table uses (
  run text not null,
  sha256 text not null references blobs (sha256),
  primary key (run, sha256)
) strict;
create index uses_blob on uses (sha256);

create table checkpoints (
  n integer not null primary key,
  kind text not null,
  run text not null,
  seq integer not null,
  hash text not null,
  signature text not null,
  public_key text not null,
  text text not null
) strict;
create index checkpoints_run on checkpoints (run, n);

create trigger events_no_update before update on events
begin select raise(abort, 'the record is never changed'); end;
create trigger blobs_no_update before update on blobs
begin select raise(abort, 'the record is never changed'); end;
create trigger uses_no_update before update on uses
begin select raise(abort, 'the record is never changed'); end;
create trigger checkpoints_no_update before update on checkpoints
begin select raise(abort, 'the record is never changed'); end;

create view removable as
  select run from checkpoints removed where kind = 'removed' and (
    select kind from checkpoints other
    where other.run = removed.run and kind in ('held', 'released') order by n desc limit 1
  ) is not 'held';
create trigger events_no_delete before delete on events
when not exists (select 1 from removable where run = old.run)
begin select raise(abort, 'a run leaves the record only after a checkpoint says so, and never while it is held'); end;
create trigger uses_no_delete before delete on uses
when not exists (select 1 from removable where run = old.run)
begin select raise(abort, 'a run leaves the record only after a checkpoint says so, and never while it is held'); end;
create trigger blobs_no_delete before delete on blobs
when exists (select 1 from uses where sha256 = old.sha256)
begin select raise(abort, 'a run on record refers to this blob'); end;
create trigger checkpoints_no_delete before delete on checkpoints
begin select raise(abort, 'the record is never changed'); end;
`
