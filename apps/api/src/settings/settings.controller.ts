import { Body, Controller, Get, NotFoundException, Param, Patch } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { callbackUrlProblem } from '#libs/transfer';
import { CurrentCaller, ownedBy, type Caller } from '../auth/caller.js';
import { badRequest } from '../problem.js';
import { PathName } from '../validation.js';
import { toTransferSettingsResponse, UpdateTransferSettings, type TransferSettingsResponse } from './settings.dto.js';

/** Agora's stream transfer settings, per entry point. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/settings/transfer')
export class SettingsController {
  constructor(private readonly prisma: PrismaService) {}

  @Get()
  async get(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
  ): Promise<TransferSettingsResponse> {
    const row = await this.prisma.entryPoint.findFirst({ where: { name: entryPoint, project: { ...ownedBy(caller), id: appid } } });
    if (row === null) throw unknownEntryPoint();
    return toTransferSettingsResponse(row);
  }

  @Patch()
  async update(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
    @Body() { enabled, callbackUrl }: UpdateTransferSettings,
  ): Promise<TransferSettingsResponse> {
    const problem = callbackUrl == null ? null : callbackUrlProblem(callbackUrl);
    if (problem !== null) throw badRequest([{ field: 'callbackUrl', message: problem }]);
    const [row] = await this.prisma.entryPoint.updateManyAndReturn({
      where: { name: entryPoint, project: { ...ownedBy(caller), id: appid } },
      data: { transferEnabled: enabled, callbackUrl },
    });
    if (row === undefined) throw unknownEntryPoint();
    return toTransferSettingsResponse(row);
  }
}

const unknownEntryPoint = (): Error => new NotFoundException('This entry point does not exist.');
