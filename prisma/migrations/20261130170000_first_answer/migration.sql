-- What a customer's server answered for a stream that has no transfer yet, in one round trip: the stream's state, its transfers, the log of the attempt, the
-- answer for later, and the event. Null, and nothing written, when the stream has ended, was answered, or has transfers: what they leave room for is looked at
-- by apps/api/src/callback/callback.recorder.ts, which calls this.
CREATE FUNCTION "record_first_answer"(
  "answered_stream" uuid, "new_transfers" jsonb, "delivery" jsonb, "sealed_answer" text, "new_reason" text, "new_detail" text, "event_data" jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  stream streams%ROWTYPE;
BEGIN
  -- Of two answers at once, or an answer and a transfer by the API, the second sees what the first has written.
  SELECT * INTO stream FROM streams WHERE id = answered_stream FOR NO KEY UPDATE;
  IF NOT FOUND OR stream.state = 'ended' OR stream.callback_state = 'answered'
    OR EXISTS (SELECT FROM transfers WHERE stream_id = answered_stream) THEN
    RETURN NULL;
  END IF;

  UPDATE streams SET callback_state = 'answered', callback_reason = new_reason, callback_detail = new_detail WHERE id = answered_stream;
  INSERT INTO transfers (id, stream_id, origin, url, redacted_url, url_hash, options)
    SELECT (t->>'id')::uuid, answered_stream, t->>'origin', t->>'url', t->>'redactedUrl', t->>'urlHash', t->'options'
    FROM jsonb_array_elements(new_transfers) t
    ON CONFLICT DO NOTHING;
  INSERT INTO callback_deliveries (id, entry_point_id, stream_id, kind, attempt, url, webhook_id, stream_name, status, outcome, detail,
      duration_ms, timings, answer_head)
    VALUES ((delivery->>'id')::uuid, stream.entry_point_id, answered_stream, delivery->>'kind', (delivery->>'attempt')::int, delivery->>'url',
      delivery->>'webhookId', delivery->>'streamName', (delivery->>'status')::int, delivery->>'outcome', delivery->>'detail',
      (delivery->>'durationMs')::int, delivery->'timings', delivery->>'answerHead');
  INSERT INTO last_answers (entry_point_id, stream_name, answer, answered_at)
    VALUES (stream.entry_point_id, stream.name, sealed_answer, clock_timestamp())
    ON CONFLICT (entry_point_id, stream_name) DO UPDATE SET answer = EXCLUDED.answer, answered_at = EXCLUDED.answered_at;
  INSERT INTO events (project_id, stream_id, type, data)
    VALUES (stream.project_id, answered_stream, 'callback.answered', event_data);
  RETURN jsonb_build_object('ownerNode', stream.owner_node);
END $$;
