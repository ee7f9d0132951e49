-- Credentials that travel in a path, for clients that cannot send an Authorization header. Only a hash is kept.
CREATE TABLE "rest_keys" (
  "id" UUID NOT NULL,
  "project_id" TEXT NOT NULL,
  "label" TEXT NOT NULL DEFAULT '',
  "key_hash" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "last_used_at" TIMESTAMPTZ(3),
  "expires_at" TIMESTAMPTZ(3),
  CONSTRAINT "rest_keys_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "rest_keys_key_hash_key" ON "rest_keys"("key_hash");
CREATE INDEX "rest_keys_project_id_idx" ON "rest_keys"("project_id");
CREATE INDEX "rest_keys_expires_at_idx" ON "rest_keys"("expires_at");
ALTER TABLE "rest_keys" ADD CONSTRAINT "rest_keys_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Stream names that nobody may publish under until a time.
CREATE TABLE "banned_streams" (
  "entry_point_id" UUID NOT NULL,
  "stream_name" TEXT NOT NULL,
  "resume_time" TIMESTAMPTZ(3) NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "banned_streams_pkey" PRIMARY KEY ("entry_point_id", "stream_name")
);
CREATE INDEX "banned_streams_resume_time_idx" ON "banned_streams"("resume_time");
ALTER TABLE "banned_streams" ADD CONSTRAINT "banned_streams_entry_point_id_fkey" FOREIGN KEY ("entry_point_id") REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The customer's server that is asked before a publisher is let in.
ALTER TABLE "projects"
  ADD COLUMN "stream_auth_enabled" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "stream_auth_url" TEXT,
  ADD COLUMN "stream_auth_secret" TEXT;

-- The publish history of an entry point is read by the time of the end.
CREATE INDEX "streams_entry_point_id_ended_at_idx" ON "streams"("entry_point_id", "ended_at") WHERE "state" = 'ended';
