-- With a full URL the name on the RTMP server is the stream key, which stood here in clear. It is read from the sealed `url` now, which ends
-- with it. Older processes that still run show the stream's own name meanwhile; what they still write is emptied by rotate-keys.
UPDATE "transfers" SET "push_name" = NULL WHERE "push_name" IS NOT NULL;
