-- Flashphoner's API: transfers that were started as pushes, and the settings of each entry point for them.
ALTER TABLE "transfers"
  ADD COLUMN "media_session_id" TEXT,
  ADD COLUMN "push_url" TEXT,
  ADD COLUMN "push_name" TEXT;
CREATE UNIQUE INDEX "transfers_media_session_id_key" ON "transfers"("media_session_id");

CREATE TABLE "push_settings" (
  "entry_point_id" UUID PRIMARY KEY REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "settings" JSONB NOT NULL DEFAULT '{}',
  "republish" TEXT,
  "app_url" TEXT,
  "hook_secret" TEXT,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
-- What find and find_all read: without it, every transfer that ever was.
CREATE INDEX "transfers_running_push_idx" ON "transfers"("stream_id") WHERE "media_session_id" IS NOT NULL AND "ended_at" IS NULL;
