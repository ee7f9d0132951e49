-- A session at the dashboard ends with the secret that it was begun with. Nobody knows that of the sessions of now.
DELETE FROM "dashboard_sessions";
ALTER TABLE "dashboard_sessions"
  ADD COLUMN "credential_id" UUID NOT NULL REFERENCES "credentials"("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE INDEX "dashboard_sessions_credential_id_idx" ON "dashboard_sessions"("credential_id");
