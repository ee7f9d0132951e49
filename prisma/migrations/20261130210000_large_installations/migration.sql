-- What a large installation needs: no statement reads more than it is about, however much there is of everything (test/api-large.e2e.spec.ts holds all to it).
--
-- What this locks: streams and projects, until the end. Postgres reads streams once for each index on it: some seconds for 2,000,000 streams, in which arrivals are told 503.

-- Whose stream it is: those of a customer that run are found without a look at each of its projects. Null in streams that had ended before: nobody asks for those.
-- Not "customer_id", which statements of older processes say without a table where streams are joined.
ALTER TABLE "streams" ADD COLUMN "customer" TEXT;
CREATE FUNCTION "manycast_stream_of_customer"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."customer" := (SELECT "customer_id" FROM "projects" WHERE "id" = NEW."project_id");
  RETURN NEW;
END $$;
CREATE TRIGGER "streams_of_customer" BEFORE INSERT ON "streams" FOR EACH ROW WHEN (NEW."customer" IS NULL)
  EXECUTE FUNCTION "manycast_stream_of_customer"();
UPDATE "streams" SET "customer" = "projects"."customer_id" FROM "projects" WHERE "projects"."id" = "project_id" AND "state" <> 'ended';
CREATE INDEX "streams_running_customer_idx" ON "streams"("customer", "name") WHERE "state" <> 'ended';
CREATE INDEX "streams_unconnected_idx" ON "streams"("customer") WHERE "state" IN ('starting', 'connecting');

-- Few of those that run are in most states.
CREATE INDEX "streams_running_state_idx" ON "streams"("state", "id") WHERE "state" <> 'ended';
-- What a node runs, and what no node has taken. "streams_owner_node_idx" has all that ever ran; it goes when no older process is left.
CREATE INDEX "streams_running_owner_idx" ON "streams"("owner_node", "created_at") WHERE "state" <> 'ended';
-- The sweeper looks for callbacks that were lost.
CREATE INDEX "streams_callback_due_idx" ON "streams"("created_at") WHERE "state" <> 'ended' AND "callback_state" IN ('pending', 'retrying');
-- Agora's publish history of one name.
CREATE INDEX "streams_entry_point_id_name_ended_at_idx" ON "streams"("entry_point_id", "name", "ended_at") WHERE "state" = 'ended';
-- Each lease is renewed every few seconds. While a column of an index changes, Postgres writes the row anew into every index; without, into none, where the page has room.
-- Whether one has run out, the sweeper asks of all that run, every ten seconds.
DROP INDEX "streams_running_lease_idx";
ALTER TABLE "streams" SET (fillfactor = 85);

-- A customer's projects in the order of the list.
CREATE INDEX "projects_present_idx" ON "projects"("customer_id", "created_at", "id") WHERE "deleted_at" IS NULL;
-- The search in names. Where the extension is not installed, or this role may not create it, the search of operators reads all projects.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX "projects_name_trgm_idx" ON "projects" USING gin ("name" gin_trgm_ops) WHERE "deleted_at" IS NULL;
EXCEPTION WHEN undefined_file OR feature_not_supported OR insufficient_privilege OR undefined_object THEN
  RAISE NOTICE 'pg_trgm is not there: %', SQLERRM;
END $$;

-- Housekeeping looks for those that are over.
CREATE INDEX "dashboard_sessions_expires_at_idx" ON "dashboard_sessions"("expires_at");

-- Most customers have one project, and most projects few streams, but a plan that is the same for all has to be good for those with many. From the next ANALYZE on.
ALTER TABLE "projects" ALTER COLUMN "customer_id" SET (n_distinct = -0.01);
ALTER TABLE "streams" ALTER COLUMN "project_id" SET (n_distinct = -0.01), ALTER COLUMN "entry_point_id" SET (n_distinct = -0.01);

-- As before (20261130160000_begin_stream), but for the streams of the customer.
CREATE OR REPLACE FUNCTION "begin_stream"(
  "of_customer" text, "new_stream" jsonb, "new_session" jsonb, "new_transfers" jsonb,
  "max_streams" integer, "max_unconnected_of_customer" integer, "max_unconnected_of_token" integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  new_id uuid := new_stream->>'id';
  unconnected record;
  banned_until timestamptz;
BEGIN
  -- Whoever begins a stream of this customer, bans one of its names, or deletes it, waits here for the one before.
  PERFORM 1 FROM customers WHERE id = of_customer FOR NO KEY UPDATE;
  -- Deleting takes locks of its own on these.
  PERFORM 1 FROM entry_points JOIN projects ON projects.id = entry_points.project_id JOIN customers ON customers.id = projects.customer_id
    WHERE entry_points.id = (new_stream->>'entryPointId')::uuid AND entry_points.deleted_at IS NULL AND projects.deleted_at IS NULL
      AND customers.deleted_at IS NULL
    FOR KEY SHARE OF entry_points, projects;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'gone');
  END IF;

  -- States as literals, for the partial indexes.
  IF (SELECT count(*) FROM streams WHERE customer = of_customer AND state <> 'ended') >= max_streams THEN
    RETURN jsonb_build_object('outcome', 'quota');
  END IF;

  IF max_unconnected_of_customer > 0 OR max_unconnected_of_token > 0 THEN
    SELECT count(*)::int AS of_customer, count(*) FILTER (WHERE proof = new_session->>'proof')::int AS of_token,
        extract(epoch FROM clock_timestamp() - min(sessions.created_at))::float8 AS oldest_s
      INTO unconnected
      FROM streams JOIN sessions ON sessions.stream_id = streams.id AND sessions.ended_at IS NULL
      WHERE streams.customer = begin_stream.of_customer AND streams.state IN ('starting', 'connecting');
    IF max_unconnected_of_customer > 0 AND unconnected.of_customer >= max_unconnected_of_customer THEN
      RETURN jsonb_build_object('outcome', 'unconnected_of_customer', 'oldestS', unconnected.oldest_s);
    END IF;
    IF max_unconnected_of_token > 0 AND unconnected.of_token >= max_unconnected_of_token THEN
      RETURN jsonb_build_object('outcome', 'unconnected_of_token', 'oldestS', unconnected.oldest_s);
    END IF;
  END IF;

  SELECT resume_time INTO banned_until FROM banned_streams
    WHERE entry_point_id = (new_stream->>'entryPointId')::uuid AND stream_name = new_stream->>'name' AND resume_time > now();
  IF banned_until IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'banned', 'untilMs', floor(extract(epoch FROM banned_until) * 1000));
  END IF;

  INSERT INTO streams (id, project_id, customer, entry_point_id, name, callback_state, callback_reason)
    VALUES (new_id, new_stream->>'projectId', of_customer, (new_stream->>'entryPointId')::uuid, new_stream->>'name',
      (new_stream->>'callbackState')::"CallbackState", new_stream->>'callbackReason')
    ON CONFLICT (entry_point_id, name) WHERE state <> 'ended' DO NOTHING;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'taken');
  END IF;

  INSERT INTO sessions (id, stream_id, offer, etag, ice_ufrag, proof, client_ip, user_agent)
    VALUES (new_session->>'id', new_id, new_session->>'offer', new_session->>'etag', new_session->>'iceUfrag',
      new_session->>'proof', new_session->>'clientIp', new_session->>'userAgent');
  INSERT INTO transfers (id, stream_id, origin, url, redacted_url, url_hash, media_session_id, push_url, options)
    SELECT (t->>'id')::uuid, new_id, t->>'origin', t->>'url', t->>'redactedUrl', t->>'urlHash', t->>'mediaSessionId', t->>'pushUrl',
      t->'options'
    FROM jsonb_array_elements(new_transfers) t
    ON CONFLICT DO NOTHING;
  INSERT INTO events (project_id, stream_id, type, data)
    VALUES (new_stream->>'projectId', new_id, 'stream.starting', jsonb_build_object('streamName', new_stream->>'name'));
  RETURN jsonb_build_object('outcome', 'begun');
END $$;
