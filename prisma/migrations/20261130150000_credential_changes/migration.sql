-- Tells every API process, when it is committed, that a customer's credentials are no longer what they were (libs/db/src/changes.ts).
-- Not for new credentials, which nobody remembers, nor for "last used".
CREATE FUNCTION "manycast_credentials_changed"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('manycast_changes', 'credentials:' || OLD."customer_id");
  RETURN NULL;
END $$;

CREATE TRIGGER "credentials_updated" AFTER UPDATE ON "credentials" FOR EACH ROW
  WHEN (OLD."revoked_at" IS DISTINCT FROM NEW."revoked_at" OR OLD."expires_at" IS DISTINCT FROM NEW."expires_at" OR OLD."customer_id" <> NEW."customer_id")
  EXECUTE FUNCTION "manycast_credentials_changed"();
CREATE TRIGGER "credentials_deleted" AFTER DELETE ON "credentials" FOR EACH ROW
  EXECUTE FUNCTION "manycast_credentials_changed"();

CREATE FUNCTION "manycast_customer_changed"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('manycast_changes', 'credentials:' || OLD."id");
  RETURN NULL;
END $$;

CREATE TRIGGER "customers_updated" AFTER UPDATE ON "customers" FOR EACH ROW
  WHEN (OLD."role" <> NEW."role" OR OLD."deleted_at" IS DISTINCT FROM NEW."deleted_at")
  EXECUTE FUNCTION "manycast_customer_changed"();
