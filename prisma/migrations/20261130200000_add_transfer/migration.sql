-- Adds a transfer to a stream in one round trip: its row and its event, or the reason why not. What is counted is counted under the lock of the stream's row:
-- of two at once not both are the last that fits. Called by apps/api/src/streams/transfers/add-transfer.ts, which says what the parameters and the outcome are.
CREATE FUNCTION "add_transfer"(
  "to_stream" uuid, "new_transfer" jsonb, "url_hashes" text[], "max_ever" integer, "max_now" integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  stream record;
  counted record;
  created timestamptz;
BEGIN
  SELECT project_id, state, owner_node INTO stream FROM streams WHERE id = to_stream FOR NO KEY UPDATE;
  IF NOT FOUND OR stream.state = 'ended' THEN
    RETURN jsonb_build_object('outcome', 'ended');
  END IF;

  SELECT count(*) AS ever, count(*) FILTER (WHERE ended_at IS NULL) AS present INTO counted FROM transfers WHERE stream_id = to_stream;
  IF counted.ever >= max_ever THEN
    RETURN jsonb_build_object('outcome', 'ever');
  END IF;
  IF counted.present >= max_now THEN
    RETURN jsonb_build_object('outcome', 'quota');
  END IF;

  -- Under an older master key, the unique index does not know two URLs to be the same.
  IF EXISTS (SELECT FROM transfers WHERE stream_id = to_stream AND ended_at IS NULL AND url_hash = ANY(url_hashes)) THEN
    RETURN jsonb_build_object('outcome', 'duplicate');
  END IF;
  INSERT INTO transfers (id, stream_id, origin, url, redacted_url, url_hash, media_session_id, push_url, options)
    VALUES ((new_transfer->>'id')::uuid, to_stream, new_transfer->>'origin', new_transfer->>'url', new_transfer->>'redactedUrl',
      new_transfer->>'urlHash', new_transfer->>'mediaSessionId', new_transfer->>'pushUrl', new_transfer->'options')
    ON CONFLICT DO NOTHING RETURNING created_at INTO created;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'duplicate');
  END IF;
  INSERT INTO events (project_id, stream_id, transfer_id, type, data)
    VALUES (stream.project_id, to_stream, (new_transfer->>'id')::uuid, 'transfer.added',
      jsonb_build_object('url', new_transfer->>'redactedUrl'));
  RETURN jsonb_build_object('outcome', 'added', 'ownerNode', stream.owner_node, 'createdAt', created);
END $$;
