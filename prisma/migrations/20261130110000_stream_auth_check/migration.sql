-- A question that nobody is asked would let everybody in. NOT VALID: rows of before are not looked at, new ones are.
ALTER TABLE "projects" ADD CONSTRAINT "projects_stream_auth_check" CHECK (NOT "stream_auth_enabled" OR "stream_auth_url" IS NOT NULL) NOT VALID;
