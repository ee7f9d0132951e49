-- What is deleted is gone for everybody at once, and its rows follow in small steps: a long history takes longer than a request may.
ALTER TABLE "customers" ADD COLUMN "deleted_at" TIMESTAMPTZ(3);
ALTER TABLE "projects" ADD COLUMN "deleted_at" TIMESTAMPTZ(3);
ALTER TABLE "entry_points" ADD COLUMN "deleted_at" TIMESTAMPTZ(3);
CREATE INDEX "customers_deleted_at_idx" ON "customers"("deleted_at") WHERE "deleted_at" IS NOT NULL;
CREATE INDEX "projects_deleted_at_idx" ON "projects"("deleted_at") WHERE "deleted_at" IS NOT NULL;
CREATE INDEX "entry_points_deleted_at_idx" ON "entry_points"("deleted_at") WHERE "deleted_at" IS NOT NULL;
