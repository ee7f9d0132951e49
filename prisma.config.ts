import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Prisma's own env() helper throws when the variable is unset, and `prisma generate` runs where it is.
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
