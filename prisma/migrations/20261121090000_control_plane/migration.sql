-- Tenants: quotas, dashboard sessions, idempotent requests, Agora's signed publish URLs.
ALTER TABLE "customers" ADD COLUMN "quotas" JSONB NOT NULL DEFAULT '{}';
ALTER TABLE "projects" ADD COLUMN "auth_key" TEXT;
CREATE INDEX "streams_running_project_idx" ON "streams"("project_id") WHERE "state" <> 'ended';

CREATE TABLE "dashboard_sessions" (
  "id" TEXT PRIMARY KEY,
  "customer_id" TEXT NOT NULL REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "last_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "expires_at" TIMESTAMPTZ(3) NOT NULL
);
CREATE INDEX "dashboard_sessions_customer_id_idx" ON "dashboard_sessions"("customer_id");

CREATE TABLE "idempotency_keys" (
  "customer_id" TEXT NOT NULL REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "key" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "status" INTEGER,
  "body" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("customer_id", "key")
);
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

-- Callbacks: signatures, timings, the last good answer.
ALTER TABLE "entry_points" ADD COLUMN "use_last_answer" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "callback_deliveries"
  ADD COLUMN "kind" TEXT NOT NULL DEFAULT 'stream',
  ADD COLUMN "timings" JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN "next_at" TIMESTAMPTZ(3);
CREATE INDEX "callback_deliveries_created_at_idx" ON "callback_deliveries"("created_at");
CREATE INDEX "events_at_idx" ON "events"("at");

CREATE TABLE "callback_secrets" (
  "id" UUID PRIMARY KEY,
  "entry_point_id" UUID NOT NULL REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "secret" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "expires_at" TIMESTAMPTZ(3)
);
CREATE INDEX "callback_secrets_entry_point_id_idx" ON "callback_secrets"("entry_point_id");

CREATE TABLE "last_answers" (
  "entry_point_id" UUID NOT NULL REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "stream_name" TEXT NOT NULL,
  "answer" TEXT NOT NULL,
  "answered_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("entry_point_id", "stream_name")
);
CREATE INDEX "last_answers_answered_at_idx" ON "last_answers"("answered_at");
