import { Global, Module } from '@nestjs/common';
import { CredentialService } from './credential.service.js';
import { CustomerController, MeController } from './customer.controller.js';
import { CustomerService } from './customer.service.js';
import { QuotaService } from './quotas.js';

/** Tenants, their secrets and their limits; everybody asks for the limits. */
@Global()
@Module({
  controllers: [MeController, CustomerController],
  providers: [CustomerService, CredentialService, QuotaService],
  exports: [QuotaService],
})
export class CustomerModule {}
