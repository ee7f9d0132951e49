-- A publisher that lost the answer to its ICE restart gets the same one again.
ALTER TABLE "sessions" ADD COLUMN "restart_answer" TEXT;
