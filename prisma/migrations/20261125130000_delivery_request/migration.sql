-- What a callback asked: its webhook-id, and the name it was about (a test has no stream).
ALTER TABLE "callback_deliveries"
  ADD COLUMN "webhook_id" TEXT,
  ADD COLUMN "stream_name" TEXT;
