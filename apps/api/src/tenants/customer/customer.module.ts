import { Global, Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { CredentialService } from './credential.service.js';
import { CustomerController, MeController } from './customer.controller.js';
import { CustomerService } from './customer.service.js';
import { QuotaService } from './quotas.js';

/** Tenants, their secrets and their limits; everybody asks for the limits. */
@Global()
@Module({
  imports: [AuthModule],
  controllers: [MeController, CustomerController],
  providers: [CustomerService, CredentialService, QuotaService],
  exports: [QuotaService],
})
export class CustomerModule {}
