import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { PrismaService, SecretBox, type Project } from '#libs/db';
import { ownedBy, type Caller } from '../auth/caller.js';
import { newProject } from './new-project.js';

/** A customer's projects. */
@Injectable()
export class ProjectService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {}

  list(caller: Caller): Promise<Project[]> {
    return this.prisma.project.findMany({ where: ownedBy(caller), orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  }

  create(caller: Caller, name: string): Promise<Project> {
    return this.prisma.project.create({ data: newProject(caller.customerId, name, this.box) });
  }

  async get(caller: Caller, appid: string): Promise<Project> {
    const project = await this.prisma.project.findFirst({ where: { ...ownedBy(caller), id: appid } });
    if (project === null) throw unknownProject();
    return project;
  }

  async rename(caller: Caller, appid: string, name: string): Promise<Project> {
    const [project] = await this.prisma.project.updateManyAndReturn({ where: { ...ownedBy(caller), id: appid }, data: { name } });
    if (project === undefined) throw unknownProject();
    return project;
  }

  /** Refused while a stream runs: its node would go on forwarding what no row describes any more. */
  async remove(caller: Caller, appid: string): Promise<void> {
    await this.get(caller, appid);
    const { count } = await this.prisma.project.deleteMany({
      where: { ...ownedBy(caller), id: appid, streams: { none: { state: { not: 'ended' } } } },
    });
    if (count === 0) throw new ConflictException('Streams of this project are running; end them first.');
  }
}

const unknownProject = (): Error => new NotFoundException('This project does not exist.');
