-- What opened a session, for a limit of those that are not connected yet and for DELETE of the endpoint; and the ICE sessions that a restart has replaced.
ALTER TABLE "sessions" ADD COLUMN "proof" TEXT, ADD COLUMN "past_ufrags" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[];

-- Whether a publisher that closes its connection without a DELETE has left.
ALTER TABLE "entry_points" ADD COLUMN "ends_on_close" BOOLEAN NOT NULL DEFAULT false;
