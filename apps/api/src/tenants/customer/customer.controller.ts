import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query } from '@nestjs/common';
import { CurrentCaller, OperatorOnly, type Caller } from '../../auth/caller.js';
import { NamePageQuery } from '../../http/page.js';
import { PathId, PathName } from '../../http/validation.js';
import { CredentialService } from './credential.service.js';
import {
  CreateCredential,
  CreateCustomer,
  RotateCredential,
  UpdateCustomer,
  type CredentialsResponse,
  type CustomerPage,
  type CustomerResponse,
  type NewCredentialResponse,
  type NewCustomerResponse,
} from './customer.dto.js';
import { CustomerService } from './customer.service.js';
import { IdempotentPost } from '../../http/idempotency.interceptor.js';

@Controller('v1/me')
export class MeController {
  constructor(private readonly customers: CustomerService) {}

  /** Who asks, what it may have, and what it has. */
  @Get()
  get(@CurrentCaller() caller: Caller): Promise<CustomerResponse> {
    return this.customers.get(caller, caller.customerId);
  }
}

@Controller('v1/customers')
export class CustomerController {
  constructor(
    private readonly customers: CustomerService,
    private readonly credentials: CredentialService,
  ) {}

  @OperatorOnly()
  @Get()
  list(@Query() { limit, cursor }: NamePageQuery): Promise<CustomerPage> {
    return this.customers.list(limit, cursor);
  }

  @OperatorOnly()
  @IdempotentPost()
  async create(@Body() body: CreateCustomer): Promise<NewCustomerResponse> {
    const { customer, credential } = await this.customers.create(body);
    return { ...customer, credential };
  }

  @Get(':customerId')
  get(@CurrentCaller() caller: Caller, @Param('customerId', PathName) customerId: string): Promise<CustomerResponse> {
    return this.customers.get(caller, customerId);
  }

  @OperatorOnly()
  @Patch(':customerId')
  change(
    @CurrentCaller() caller: Caller,
    @Param('customerId', PathName) customerId: string,
    @Body() body: UpdateCustomer,
  ): Promise<CustomerResponse> {
    return this.customers.change(caller, customerId, body);
  }

  @OperatorOnly()
  @Delete(':customerId')
  @HttpCode(204)
  remove(@CurrentCaller() caller: Caller, @Param('customerId', PathName) customerId: string): Promise<void> {
    return this.customers.remove(caller, customerId);
  }

  @Get(':customerId/credentials')
  async listCredentials(
    @CurrentCaller() caller: Caller,
    @Param('customerId', PathName) customerId: string,
  ): Promise<CredentialsResponse> {
    return { credentials: await this.credentials.list(caller, customerId) };
  }

  @IdempotentPost(':customerId/credentials')
  createCredential(
    @CurrentCaller() caller: Caller,
    @Param('customerId', PathName) customerId: string,
    @Body() body: CreateCredential,
  ): Promise<NewCredentialResponse> {
    return this.credentials.create(caller, customerId, body);
  }

  @IdempotentPost(':customerId/credentials/:credentialId/rotate')
  rotateCredential(
    @CurrentCaller() caller: Caller,
    @Param('customerId', PathName) customerId: string,
    @Param('credentialId', PathId) credentialId: string,
    @Body() { overlap }: RotateCredential,
  ): Promise<NewCredentialResponse> {
    return this.credentials.rotate(caller, customerId, credentialId, overlap);
  }

  @Delete(':customerId/credentials/:credentialId')
  @HttpCode(204)
  revokeCredential(
    @CurrentCaller() caller: Caller,
    @Param('customerId', PathName) customerId: string,
    @Param('credentialId', PathId) credentialId: string,
  ): Promise<void> {
    return this.credentials.revoke(caller, customerId, credentialId);
  }
}
