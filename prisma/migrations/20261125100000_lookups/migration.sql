-- Every list and every round of the sweeper and of housekeeping reads what it is about, not all that ever was.
CREATE INDEX "streams_running_project_id_idx" ON "streams"("project_id", "id") WHERE "state" <> 'ended';
DROP INDEX "streams_running_project_idx";
CREATE INDEX "streams_running_idx" ON "streams"("id") WHERE "state" <> 'ended';
CREATE INDEX "streams_ended_at_idx" ON "streams"("ended_at") WHERE "state" = 'ended';
CREATE INDEX "streams_entry_point_id_id_idx" ON "streams"("entry_point_id", "id");
CREATE INDEX "projects_created_at_id_idx" ON "projects"("created_at", "id");

-- Secrets that are over stay for a while, and each request looks for those that are not.
CREATE INDEX "credentials_live_idx" ON "credentials"("customer_id", "expires_at") WHERE "revoked_at" IS NULL;
CREATE INDEX "callback_secrets_entry_point_id_expires_at_idx" ON "callback_secrets"("entry_point_id", "expires_at");
DROP INDEX "callback_secrets_entry_point_id_idx";
CREATE INDEX "credentials_expires_at_idx" ON "credentials"("expires_at");
CREATE INDEX "credentials_revoked_at_idx" ON "credentials"("revoked_at");
CREATE INDEX "callback_secrets_expires_at_idx" ON "callback_secrets"("expires_at");
