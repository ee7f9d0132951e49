import { Global, Module } from '@nestjs/common';
import { Env } from '#libs/config';
import { HotSql } from './hot-sql.js';
import { PrismaService } from './prisma.service.js';
import { SecretBox } from './secret-box.js';

@Global()
@Module({
  providers: [
    PrismaService,
    HotSql,
    { provide: SecretBox, useFactory: (env: Env) => new SecretBox(env.MASTER_KEYS), inject: [Env] },
  ],
  exports: [PrismaService, HotSql, SecretBox],
})
export class DbModule {}
