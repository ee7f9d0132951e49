-- A URL that was removed from a stream may be added again: only what is forwarded now is unique.
DROP INDEX "transfers_stream_id_url_hash_key";
CREATE UNIQUE INDEX "transfers_active_url" ON "transfers" ("stream_id", "url_hash") WHERE "ended_at" IS NULL;
CREATE INDEX "transfers_stream_id_idx" ON "transfers" ("stream_id");
