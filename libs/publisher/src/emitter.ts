/** Listeners by event name, in the manner of the Flashphoner SDK: `on` returns the object itself, so that calls chain. */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  private readonly listeners: { [Name in keyof Events]?: Set<(...args: Events[Name]) => void> } = {};

  on<Name extends keyof Events>(event: Name, listener: (...args: Events[Name]) => void): this {
    (this.listeners[event] ??= new Set()).add(listener);
    return this;
  }

  off<Name extends keyof Events>(event: Name, listener: (...args: Events[Name]) => void): this {
    this.listeners[event]?.delete(listener);
    return this;
  }

  protected emit<Name extends keyof Events>(event: Name, ...args: Events[Name]): void {
    for (const listener of this.listeners[event] ?? []) {
      try {
        listener(...args);
      } catch (error) {
        // A fault in the page's own code must not end the stream; the console shows it as any uncaught error.
        reportError(error);
      }
    }
  }
}
