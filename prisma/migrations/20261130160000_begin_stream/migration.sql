-- Begins a stream in one round trip: its row, its first session, its first transfers and its event, or the reason why not. Each statement in it sees
-- what was committed before it began, so that what is counted under the lock is true; a single statement would see what was before the lock.
-- Called by apps/api/src/streams/publish/begin-stream.ts, which says what the parameters and the outcome are.
CREATE FUNCTION "begin_stream"(
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

  -- The state as a literal, for the partial index.
  IF (SELECT count(*) FROM streams JOIN projects ON projects.id = streams.project_id
      WHERE projects.customer_id = of_customer AND streams.state <> 'ended') >= max_streams THEN
    RETURN jsonb_build_object('outcome', 'quota');
  END IF;

  IF max_unconnected_of_customer > 0 OR max_unconnected_of_token > 0 THEN
    SELECT count(*)::int AS of_customer, count(*) FILTER (WHERE proof = new_session->>'proof')::int AS of_token,
        extract(epoch FROM clock_timestamp() - min(sessions.created_at))::float8 AS oldest_s
      INTO unconnected
      FROM streams JOIN projects ON projects.id = streams.project_id
        JOIN sessions ON sessions.stream_id = streams.id AND sessions.ended_at IS NULL
      WHERE projects.customer_id = begin_stream.of_customer AND streams.state <> 'ended' AND streams.state IN ('starting', 'connecting');
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

  INSERT INTO streams (id, project_id, entry_point_id, name, callback_state, callback_reason)
    VALUES (new_id, new_stream->>'projectId', (new_stream->>'entryPointId')::uuid, new_stream->>'name',
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
