-- The name of an entry point is free as soon as the entry point is marked as deleted. Until now its row was renamed for that;
-- such rows keep their odd names until they are purged.
CREATE UNIQUE INDEX "entry_points_project_id_name_present_key" ON "entry_points"("project_id", "name") WHERE "deleted_at" IS NULL;
-- For the rows of a project whether they are deleted or not: the purge, and the foreign key.
CREATE INDEX "entry_points_project_id_idx" ON "entry_points"("project_id");
DROP INDEX "entry_points_project_id_name_key";
