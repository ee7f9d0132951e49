-- What became of each session of a stream, not only of the stream: whether its own media was heard, and why it ended.
ALTER TABLE "sessions" ADD COLUMN "heard_at" TIMESTAMPTZ(3), ADD COLUMN "reason" TEXT;
