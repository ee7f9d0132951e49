-- Events and callback deliveries lie in a partition for each day (UTC), so that old days are dropped and not deleted row by row (docs/decisions/0021-days-are-dropped.md).
-- Partitions follow each other without a gap: `<table>_past` (from the beginning of time), the days, `<table>_later` (to its end), so that every row has its place
-- even when nobody has made partitions for weeks. The key `id` is that of each partition: a unique key of the whole table would have to contain the time.
--
-- What this locks: both tables (ACCESS EXCLUSIVE), entry_points and streams (SHARE ROW EXCLUSIVE), from when it has them until the end. No row is moved and no index built: the
-- tables of before become `events_past` and `callback_deliveries_past`, which take the rows of today as well. Postgres reads both once, to see that no row is of a later
-- day: 0.3 to 0.6 s for 1,000,000 rows on a busy machine. Arrivals and callbacks wait for so long, and are told 503 with Retry-After after 2.5 s. It asks for the locks for 0.1 s at a time, for a minute at most; where somebody holds one
-- for longer (a backup), it fails, nothing has changed, and it can be run again.

-- Midnight (UTC) at the beginning of a day.
CREATE FUNCTION "day_begin"("day" date) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT day::timestamp AT TIME ZONE 'UTC'
$$;

-- How many days lie in one partition.
CREATE FUNCTION "days_of_partition"("keep_days" integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(1, ceil(keep_days / 120.0))::integer
$$;

-- The partitions of a table, oldest first, with the times that each takes: from `lower` on, before `upper`.
CREATE FUNCTION "partitions_of"("of_table" text) RETURNS TABLE ("name" text, "lower" timestamptz, "upper" timestamptz) LANGUAGE sql STABLE AS $$
  SELECT inhrelid::regclass::text,
    coalesce(substring(bound FROM $re$FROM \('([^']+)'\)$re$)::timestamptz, '-infinity'),
    coalesce(substring(bound FROM $re$TO \('([^']+)'\)$re$)::timestamptz, 'infinity')
  FROM pg_inherits CROSS JOIN pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = inhrelid), inhrelid) AS bound
  WHERE inhparent = of_table::regclass
  ORDER BY 2
$$;

-- SQL of the bounds of a partition.
CREATE FUNCTION "partition_bounds"("lower" timestamptz, "upper" timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT format('FOR VALUES FROM (%s) TO (%s)',
    CASE WHEN lower = '-infinity' THEN 'MINVALUE' ELSE quote_literal(lower) END,
    CASE WHEN upper = 'infinity' THEN 'MAXVALUE' ELSE quote_literal(upper) END)
$$;

CREATE FUNCTION "add_partition"("of_table" text, "named" text, "lower" timestamptz, "upper" timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', named, of_table, partition_bounds(lower, upper));
  EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', named);
END $$;

-- Takes the locks that a change of the partitions needs, so that it waits for nothing later. Whoever comes meanwhile queues behind this: for 0.1 s at a time, with pauses
-- between. After so many tries: lock_not_available. The tables that it refers to come first: most transactions write to streams before they write the log.
CREATE FUNCTION "lock_partitions"("of_tables" text[], "tries" integer) RETURNS void LANGUAGE plpgsql SET "lock_timeout" = '100ms' AS $$
DECLARE
  named text;
BEGIN
  FOR try IN 1..tries LOOP
    BEGIN
      FOR named IN SELECT DISTINCT confrelid::regclass::text FROM pg_constraint WHERE conrelid = ANY(of_tables::regclass[]) AND contype = 'f' ORDER BY 1 LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', named);
      END LOOP;
      FOREACH named IN ARRAY of_tables LOOP
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', named);
      END LOOP;
      RETURN;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      IF try = tries THEN RAISE; END IF;
    END;
    -- What it had is given back meanwhile.
    PERFORM pg_sleep(0.05 + 0.1 * random());
  END LOOP;
END $$;

-- Makes the partitions of the days up to `days_ahead` from today, and drops those of which every row is older than `keep_days`. Returns how many were made and dropped.
-- More than 120 days are kept in partitions of several days each: a statement without a bound of time takes a lock on each partition and on each of its indexes.
-- By the clock of the database, which also says when a row was written. Any number of processes may call it at once: while one is at it, the others return.
-- Where partitions were not made for a while, the days until now become one partition: rows in `_later` stay where they are, and Postgres reads them once, under the lock.
CREATE FUNCTION "arrange_days"("of_table" text, "keep_days" integer, "days_ahead" integer, OUT "made" integer, OUT "dropped" integer)
LANGUAGE plpgsql SET "lock_timeout" = '500ms' AS $$
DECLARE
  day date;
  today date := (now() AT TIME ZONE 'UTC')::date;
  kept_from timestamptz := day_begin(today - keep_days);
  days_each integer := days_of_partition(keep_days);
  made_until timestamptz := day_begin(today + days_ahead + 1);
  past text := of_table || '_past';
  later text := of_table || '_later';
  several_days text;
  later_from timestamptz;
  first_made timestamptz;
  next_from timestamptz;
  old_ones text[];
  time_column text;
  has_rows boolean;
BEGIN
  made := 0;
  dropped := 0;
  IF NOT pg_try_advisory_xact_lock(hashtext('manycast days of ' || of_table)) THEN RETURN; END IF;
  SELECT array_agg(name) INTO old_ones FROM partitions_of(of_table) WHERE lower > '-infinity' AND upper <= kept_from;
  SELECT lower INTO later_from FROM partitions_of(of_table) WHERE upper = 'infinity';
  IF old_ones IS NULL AND later_from >= made_until THEN RETURN; END IF;
  PERFORM lock_partitions(ARRAY[of_table], 5);

  IF old_ones IS NOT NULL THEN
    -- With them all that is older than they are. An older row that somebody writes still has its place.
    EXECUTE (SELECT format('DROP TABLE %s', string_agg(quote_ident(name), ', ')) FROM unnest(old_ones || past) AS name);
    dropped := cardinality(old_ones);
    PERFORM add_partition(of_table, past, '-infinity', (SELECT min(lower) FROM partitions_of(of_table)));
  END IF;

  IF later_from < made_until THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', later) INTO has_rows;
    several_days := format('%s_%s_and_on', of_table, to_char(later_from AT TIME ZONE 'UTC', 'YYYYMMDD'));
    first_made := greatest(later_from, day_begin(today + has_rows::integer));
    IF has_rows THEN
      EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', of_table, later);
      EXECUTE format('ALTER TABLE %I RENAME TO %I', later, several_days);
    ELSE
      EXECUTE format('DROP TABLE %I', later);
      IF first_made > later_from THEN PERFORM add_partition(of_table, several_days, later_from, first_made); END IF;
    END IF;
    next_from := first_made;
    WHILE next_from < made_until LOOP
      day := (next_from AT TIME ZONE 'UTC')::date;
      PERFORM add_partition(of_table, format('%s_%s', of_table, to_char(day, 'YYYYMMDD')), next_from, day_begin(day + days_each));
      next_from := day_begin(day + days_each);
      made := made + 1;
    END LOOP;
    PERFORM add_partition(of_table, later, next_from, 'infinity');
    IF has_rows THEN
      -- Those of the days to come, if any: from a clock that is wrong.
      SELECT attname INTO time_column FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
        WHERE partrelid = of_table::regclass;
      EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
        several_days, time_column, first_made, of_table);
      IF first_made > later_from THEN
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I %s', of_table, several_days, partition_bounds(later_from, first_made));
      ELSE
        EXECUTE format('DROP TABLE %I', several_days);
      END IF;
    END IF;
  END IF;
END $$;

-- DELETE ... WHERE ctid = ANY(...), as versions before this one send it, would also delete the rows that have the same place in other partitions.
CREATE FUNCTION "refuse_ctid"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of several partitions of % have the same ctid: name the partition', TG_TABLE_NAME;
END $$;

-- The table that there is becomes the past of a partitioned one of the same name, which has the columns in the same order: statements of processes that run go on.
SELECT lock_partitions(ARRAY['callback_deliveries', 'events'], 240);

ALTER TABLE "callback_deliveries" RENAME TO "callback_deliveries_past";
ALTER INDEX "callback_deliveries_pkey" RENAME TO "callback_deliveries_past_pkey";
ALTER INDEX "callback_deliveries_entry_point_id_id_idx" RENAME TO "callback_deliveries_past_entry_point_id_id_idx";
ALTER INDEX "callback_deliveries_stream_id_idx" RENAME TO "callback_deliveries_past_stream_id_idx";
ALTER INDEX "callback_deliveries_created_at_idx" RENAME TO "callback_deliveries_past_created_at_idx";
CREATE TABLE "callback_deliveries" (LIKE "callback_deliveries_past" INCLUDING DEFAULTS) PARTITION BY RANGE ("created_at");
CREATE INDEX "callback_deliveries_entry_point_id_id_idx" ON "callback_deliveries"("entry_point_id", "id");
CREATE INDEX "callback_deliveries_stream_id_idx" ON "callback_deliveries"("stream_id");
CREATE INDEX "callback_deliveries_created_at_idx" ON "callback_deliveries"("created_at");
ALTER TABLE "callback_deliveries" ADD CONSTRAINT "callback_deliveries_entry_point_id_fkey" FOREIGN KEY ("entry_point_id") REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "callback_deliveries" ADD CONSTRAINT "callback_deliveries_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "streams"("id") ON DELETE SET NULL ON UPDATE CASCADE;
CREATE TRIGGER "callback_deliveries_ctid" BEFORE UPDATE OR DELETE ON "callback_deliveries" FOR EACH STATEMENT
  WHEN (current_query() ~ '\mctid\M') EXECUTE FUNCTION "refuse_ctid"();

ALTER TABLE "events" RENAME TO "events_past";
ALTER INDEX "events_pkey" RENAME TO "events_past_pkey";
ALTER INDEX "events_project_id_id_idx" RENAME TO "events_past_project_id_id_idx";
ALTER INDEX "events_stream_id_id_idx" RENAME TO "events_past_stream_id_id_idx";
ALTER INDEX "events_at_idx" RENAME TO "events_past_at_idx";
CREATE TABLE "events" (LIKE "events_past" INCLUDING DEFAULTS) PARTITION BY RANGE ("at");
ALTER SEQUENCE "events_id_seq" OWNED BY "events"."id";
CREATE INDEX "events_project_id_id_idx" ON "events"("project_id", "id");
CREATE INDEX "events_stream_id_id_idx" ON "events"("stream_id", "id");
CREATE INDEX "events_at_idx" ON "events"("at");
CREATE TRIGGER "events_ctid" BEFORE UPDATE OR DELETE ON "events" FOR EACH STATEMENT
  WHEN (current_query() ~ '\mctid\M') EXECUTE FUNCTION "refuse_ctid"();

DO $$
DECLARE
  of_table text;
  time_column text;
  newest timestamptz;
  past_until timestamptz;
BEGIN
  FOREACH of_table IN ARRAY ARRAY['callback_deliveries', 'events'] LOOP
    time_column := CASE of_table WHEN 'events' THEN 'at' ELSE 'created_at' END;
    EXECUTE format('SELECT max(%I) FROM %I', time_column, of_table || '_past') INTO newest;
    -- Without rows, today has a partition of its own.
    past_until := day_begin((greatest(newest, now()) AT TIME ZONE 'UTC')::date + (newest IS NOT NULL)::integer);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I %s', of_table, of_table || '_past', partition_bounds('-infinity', past_until));
    PERFORM add_partition(of_table, of_table || '_later', past_until, 'infinity');
    -- The defaults of the settings, which are not known here. There is nothing to drop.
    PERFORM arrange_days(of_table, CASE of_table WHEN 'events' THEN 90 ELSE 30 END, 3);
  END LOOP;
END $$;
