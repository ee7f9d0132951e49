CREATE TYPE "Role" AS ENUM ('customer', 'operator');
CREATE TYPE "StreamState" AS ENUM ('starting', 'connecting', 'live', 'reconnecting', 'ended');
CREATE TYPE "TransferState" AS ENUM ('pending', 'connecting', 'live', 'reconnecting', 'paused', 'ended', 'failed');
CREATE TYPE "CallbackState" AS ENUM ('none', 'pending', 'answered', 'retrying', 'failed');

CREATE TABLE "customers" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" "Role" NOT NULL DEFAULT 'customer',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "customers_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "credentials" (
    "id" UUID NOT NULL,
    "customer_id" TEXT NOT NULL,
    "label" TEXT NOT NULL DEFAULT '',
    "secret" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    CONSTRAINT "credentials_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "credentials_customer_id_idx" ON "credentials"("customer_id");

CREATE TABLE "projects" (
    "id" TEXT NOT NULL,
    "customer_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "signing_key" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "projects_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "projects_customer_id_idx" ON "projects"("customer_id");

CREATE TABLE "entry_points" (
    "id" UUID NOT NULL,
    "project_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "transfer_enabled" BOOLEAN NOT NULL DEFAULT false,
    "callback_url" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "entry_points_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "entry_points_project_id_name_key" ON "entry_points"("project_id", "name");

CREATE TABLE "streams" (
    "id" UUID NOT NULL,
    "project_id" TEXT NOT NULL,
    "entry_point_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "state" "StreamState" NOT NULL DEFAULT 'starting',
    "reason" TEXT,
    "reason_detail" TEXT,
    "owner_node" TEXT,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "callback_state" "CallbackState" NOT NULL DEFAULT 'none',
    "callback_reason" TEXT,
    "callback_detail" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "figures" JSONB,
    CONSTRAINT "streams_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "streams_project_id_id_idx" ON "streams"("project_id", "id");
CREATE INDEX "streams_owner_node_idx" ON "streams"("owner_node");
-- A name is taken while a stream of it runs, and free again once that has ended.
CREATE UNIQUE INDEX "streams_running_name_key" ON "streams"("entry_point_id", "name") WHERE "state" <> 'ended';
-- The sweeper looks for lost leases among the few that run, not among all that ever ran.
CREATE INDEX "streams_running_lease_idx" ON "streams"("lease_until") WHERE "state" <> 'ended';

CREATE TABLE "sessions" (
    "id" TEXT NOT NULL,
    "stream_id" UUID NOT NULL,
    "kind" TEXT NOT NULL DEFAULT 'whip',
    "offer" TEXT,
    "etag" TEXT NOT NULL,
    "ice_ufrag" TEXT,
    "client_ip" TEXT,
    "user_agent" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),
    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "sessions_stream_id_idx" ON "sessions"("stream_id");

CREATE TABLE "transfers" (
    "id" UUID NOT NULL,
    "stream_id" UUID NOT NULL,
    "url" TEXT NOT NULL,
    "redacted_url" TEXT NOT NULL,
    "url_hash" TEXT NOT NULL,
    "origin" TEXT NOT NULL DEFAULT 'callback',
    "state" "TransferState" NOT NULL DEFAULT 'pending',
    "reason" TEXT,
    "reason_detail" TEXT,
    "blame" TEXT,
    "retryable" BOOLEAN,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_retry_at" TIMESTAMPTZ(3),
    "live_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),
    "options" JSONB NOT NULL DEFAULT '{}',
    "figures" JSONB,
    CONSTRAINT "transfers_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "transfers_stream_id_url_hash_key" ON "transfers"("stream_id", "url_hash");

CREATE TABLE "callback_deliveries" (
    "id" UUID NOT NULL,
    "entry_point_id" UUID NOT NULL,
    "stream_id" UUID,
    "attempt" INTEGER NOT NULL,
    "url" TEXT NOT NULL,
    "status" INTEGER,
    "outcome" TEXT NOT NULL,
    "detail" TEXT,
    "duration_ms" INTEGER NOT NULL,
    "answer_head" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "callback_deliveries_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "callback_deliveries_entry_point_id_id_idx" ON "callback_deliveries"("entry_point_id", "id");
CREATE INDEX "callback_deliveries_stream_id_idx" ON "callback_deliveries"("stream_id");

CREATE TABLE "events" (
    "id" BIGSERIAL NOT NULL,
    "project_id" TEXT NOT NULL,
    "stream_id" UUID,
    "transfer_id" UUID,
    "type" TEXT NOT NULL,
    "data" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "events_project_id_id_idx" ON "events"("project_id", "id");
CREATE INDEX "events_stream_id_id_idx" ON "events"("stream_id", "id");

ALTER TABLE "credentials" ADD CONSTRAINT "credentials_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "projects" ADD CONSTRAINT "projects_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "entry_points" ADD CONSTRAINT "entry_points_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "streams" ADD CONSTRAINT "streams_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "streams" ADD CONSTRAINT "streams_entry_point_id_fkey" FOREIGN KEY ("entry_point_id") REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "streams"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "streams"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "callback_deliveries" ADD CONSTRAINT "callback_deliveries_entry_point_id_fkey" FOREIGN KEY ("entry_point_id") REFERENCES "entry_points"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "callback_deliveries" ADD CONSTRAINT "callback_deliveries_stream_id_fkey" FOREIGN KEY ("stream_id") REFERENCES "streams"("id") ON DELETE SET NULL ON UPDATE CASCADE;
