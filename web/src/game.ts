/**
 * The game between the wire, the planet and the panels: takes what the client hears, keeps the planet's bytes and
 * the panels' view current, and turns what the player does into acts.
 */
import { Grid, NO_CELL } from "./grid.ts";
import { type Connection, GameClient, type Refusal, TooManyPending } from "./net/client.ts";
import type { Act, WorldInfo } from "./net/protocol.ts";
import { BrowserMemory } from "./net/session_memory.ts";
import type { Applied } from "./net/state.ts";
import { PendingCells } from "./pending.ts";
import { TickMeter } from "./tick_meter.ts";
import { COLOUR_BLIND_SAFE, DYES, resourceName } from "./planet/palette.ts";
import type { Moment, Planet } from "./planet/planet.ts";
import { StateBytes } from "./planet/state_texture.ts";
import { type CellAction, obstacle, ownerName } from "./rules.ts";
import { type CellView, type PlayerView, toast, useView } from "./store.ts";

/** The panels follow the state this often, milliseconds. */
const REFRESH_MS = 100;

export class Game {
  readonly client: GameClient;
  readonly pending = new PendingCells();
  grid: Grid | undefined;
  private planet: Planet | undefined;
  private bytes: StateBytes | undefined;
  private readonly layer = 0;
  private offset = 0;
  private readonly meter = new TickMeter();
  private selected: number | undefined;
  private soughtName: string | undefined;
  private refreshTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string) {
    this.client = new GameClient({
      url,
      memory: new BrowserMemory(),
      events: {
        connection: (c) => this.connectionChanged(c),
        hello: (world) => this.welcomed(world),
        state: (touched, fresh) => this.stateArrived(touched, fresh),
        durable: () => this.refreshSoon(),
        ack: (act, tick, result) => this.acknowledged(act, tick, result),
        rejected: (act, refusal) => this.rejected(act, refusal),
        notice: (refusal) => toast("error", refusal.message, refusal.hint),
        database: (database) => useView.setState({ database }),
        latency: (latencyMs) => useView.setState({ latencyMs }),
      },
    });
  }

  /** Gives the game a planet to draw on; without one the panels work alone. */
  setPlanet(planet: Planet): void {
    this.planet = planet;
    this.applySettings();
  }

  moment(): Moment {
    return { serverMs: Date.now() + this.client.clock.offsetMs(), tick: this.meter.shown() };
  }

  get selectedCell(): number | undefined {
    return this.selected;
  }

  idOf(cell: number): string {
    return this.grid!.cellId(cell, this.client.world!.id, this.layer).toString();
  }

  /** The cell with this 64-bit id, or undefined when it is none of the world on screen. */
  cellOf(id: string): number | undefined {
    if (!this.grid || !this.client.world || !/^\d{1,19}$/.test(id)) return undefined;
    const found = this.grid.fromCellId(BigInt(id));
    const here = found && found.world === (this.client.world.id & 255) && found.layer === this.layer;
    return here ? found.index : undefined;
  }

  view(cell: number): CellView {
    const { state } = this.client;
    const slot = this.offset + cell;
    const [x, y, z] = this.grid!.centres().subarray(3 * cell, 3 * cell + 3);
    return {
      index: cell,
      id: this.idOf(cell),
      resource: state.bytes("cell.resource")?.[slot] ?? 0,
      amount: state.bytes("cell.amount")?.[slot] ?? 0,
      owner: (state.integers("cell.owner")?.[slot] ?? 0) - 1,
      pentagon: this.grid!.isPentagon(cell),
      latitude: (Math.asin(Math.max(-1, Math.min(1, z))) * 180) / Math.PI,
      longitude: (Math.atan2(y, x) * 180) / Math.PI,
      pending: this.pending.actionOn(cell),
    };
  }

  select(cell: number | undefined, follow: "fly" | "keep" = "keep"): void {
    this.selected = cell;
    this.planet?.setSelected(cell);
    if (cell !== undefined && follow === "fly") this.planet?.flyTo(cell);
    this.refresh();
    if (cell !== undefined) useView.setState({ announcement: this.describe(cell) });
  }

  /** Moves the selection to a neighbour, 0..5; the camera comes along. */
  move(direction: number): void {
    if (!this.grid) return;
    const next = this.selected === undefined ? this.cellInView() : this.grid.step(this.selected, direction);
    if (next !== NO_CELL) this.select(next, "fly");
    else useView.setState({ announcement: "A pentagon has no neighbour there." });
  }

  /** The cell the camera stands above, or the north pole without a picture. */
  cellInView(): number {
    const at = this.planet?.orbit.target;
    return at ? this.grid!.nearest(at.x, at.y, at.z) : this.grid!.north;
  }

  join(name: string): void {
    useView.setState({ joining: true, joinError: undefined });
    if (!this.send("join", { name })) useView.setState({ joining: false });
  }

  act(action: CellAction, resource?: number): void {
    if (this.selected === undefined) return;
    const cell = this.view(this.selected);
    const reason = obstacle(action, cell, useView.getState());
    if (reason) {
      useView.setState({ announcement: `Not possible: ${reason}.` });
      return toast("error", `Cannot ${action} this cell.`, `${reason}.`);
    }
    const args: Record<string, unknown> = { cell: cell.id };
    if (action === "plant") args.resource = resource;
    const sent = this.send(action, args);
    if (!sent) return;
    this.pending.add(sent.seq, cell.index, action);
    this.showPending();
  }

  applySettings(): void {
    const { colourBlind, patterns } = useView.getState();
    try {
      localStorage.setItem("gamelan.colour-blind", colourBlind ? "1" : "0");
      localStorage.setItem("gamelan.patterns", patterns ? "1" : "0");
    } catch {
      /* the choice then lasts as long as the page */
    }
    this.planet?.setPalette(colourBlind ? COLOUR_BLIND_SAFE : DYES, patterns || colourBlind);
  }

  private send(action: string, args: Record<string, unknown>): Act | undefined {
    try {
      return this.client.act(action, args);
    } catch (error) {
      if (!(error instanceof TooManyPending)) throw error;
      toast("error", "Too many actions are waiting.", "Wait until the server has answered some.");
      return undefined;
    }
  }

  private connectionChanged(connection: Connection): void {
    useView.setState(connection.phase === "open" ? { connection } : { connection, latencyMs: undefined });
    if (connection.phase !== "open") this.meter.reset();
  }

  private welcomed(world: WorldInfo): void {
    const frequency = Number(world.config.frequency);
    useView.setState({ world, database: "ok" });
    this.offset = this.layer * Number(world.config.layer_stride ?? 0);
    if (this.grid?.n === frequency) return;
    try {
      this.grid = new Grid(frequency);
    } catch (error) {
      return toast(
        "error",
        `This world cannot be drawn: ${(error as Error).message}.`,
        "The page draws planets whose frequency is a power of two.",
      );
    }
    this.bytes = new StateBytes(this.grid.cellCount);
    this.selected = undefined;
    this.planet?.setWorld(this.grid, this.bytes);
  }

  private stateArrived(touched: Applied, fresh: boolean): void {
    const { state } = this.client;
    if (!this.grid || !this.bytes) return;
    this.meter.arrived(state.tick, this.client.world!.tick_rate);
    const resource = state.bytes("cell.resource") ?? new Uint8Array();
    const amount = state.bytes("cell.amount") ?? new Uint8Array();
    const owner = state.integers("cell.owner") ?? new Int32Array();
    const cells = ["cell.resource", "cell.amount", "cell.owner"].map((c) => touched.get(c));
    if (fresh || cells.includes("all")) this.bytes.fill(resource, amount, owner, this.offset);
    else
      for (const slots of cells)
        if (slots instanceof Int32Array)
          this.bytes.update(this.onLayer(slots), state.tick, resource, amount, owner, this.offset);
    if (this.pending.shown(state.tick)) this.showPending();
    this.planet?.stateChanged();
    if (fresh) this.recogniseOurselves();
    if (fresh && this.selected === undefined && !this.planet) this.select(this.grid.north);
    this.refreshSoon();
  }

  private onLayer(slots: Int32Array): number[] {
    const cells: number[] = [];
    for (const slot of slots) {
      const cell = slot - this.offset;
      if (cell >= 0 && cell < this.grid!.cellCount) cells.push(cell);
    }
    return cells;
  }

  /** After a reload the token makes us the same player, so a known slot that still bears our name is ours. */
  private recogniseOurselves(): void {
    const { name, slot } = this.client.session;
    if (useView.getState().me >= 0 || !name || this.client.pendingActs.some((a) => a.action === "join")) return;
    if (slot >= 0 && this.client.state.texts("player.name")[slot] === name) this.setMe(slot);
    else this.join(name);
  }

  private setMe(slot: number): void {
    this.client.remember({ slot });
    useView.setState({ me: slot, joining: false });
    this.planet?.setMine(slot + 1);
  }

  private acknowledged(act: Act, tick: number, result: unknown): void {
    this.pending.acknowledged(act.seq, tick);
    if (this.client.state.tick >= tick && this.pending.shown(this.client.state.tick)) this.showPending();
    if (act.action === "join") this.joined(String(act.args.name), result);
    else useView.setState({ announcement: `${act.action} done.` });
    this.refreshSoon();
  }

  private joined(name: string, result: unknown): void {
    this.client.remember({ name });
    const slot = slotOf(result);
    if (slot !== undefined) return this.setMe(slot);
    // The answer to a repeated join does not say who we are: the names in the coming state do.
    this.soughtName = name;
    this.refreshSoon();
  }

  private rejected(act: Act, refusal: Refusal): void {
    this.pending.rejected(act.seq);
    this.showPending();
    if (act.action === "join") useView.setState({ joining: false, joinError: refusal.message });
    toast("error", refusal.message, refusal.hint ?? refusal.detail);
    this.refresh();
  }

  private showPending(): void {
    this.bytes?.setPending(this.pending.cells());
    this.planet?.stateChanged();
    this.refresh();
  }

  private refreshSoon(): void {
    this.refreshTimer ??= setTimeout(() => this.refresh(), REFRESH_MS);
  }

  private refresh(): void {
    clearTimeout(this.refreshTimer);
    this.refreshTimer = undefined;
    const { state } = this.client;
    const selected = this.selected;
    const around = selected === undefined ? [] : [0, 1, 2, 3, 4, 5].map((d) => this.grid!.step(selected, d));
    useView.setState({
      tick: state.tick >= 0 ? state.tick : useView.getState().tick,
      durableTick: this.client.durableTick,
      measuredRate: this.meter.rate(),
      selected: selected === undefined ? undefined : this.view(selected),
      neighbours: around.map((cell) => (cell === NO_CELL ? undefined : this.view(cell))),
      players: state.tick >= 0 ? this.players() : useView.getState().players,
    });
    this.findOurSlot();
  }

  private findOurSlot(): void {
    if (this.soughtName === undefined) return;
    const found = useView
      .getState()
      .players.filter((p) => p.name === this.soughtName)
      .at(-1);
    if (!found) return;
    this.soughtName = undefined;
    this.setMe(found.slot);
  }

  private players(): PlayerView[] {
    const { state } = this.client;
    const claims = state.column("player.claims") ?? [];
    const score = state.column("player.score") ?? [];
    const players = state
      .texts("player.name")
      .map((name, slot) => ({ slot, name, cells: Number(claims[slot] ?? 0), score: String(score[slot] ?? 0) }));
    return players
      .filter((p) => p.name !== "")
      .sort((a, b) => b.cells - a.cells || Number(b.score) - Number(a.score) || a.slot - b.slot);
  }

  private describe(cell: number): string {
    const { resource, amount, owner, pentagon } = this.view(cell);
    const what = resource === 0 ? "Void" : `${resourceName(resource)}, ${amount} of 255`;
    const { me, players } = useView.getState();
    const whose = owner < 0 ? "free" : owner === me ? "yours" : `owned by ${ownerName(owner, players)}`;
    return `${what}, ${whose}${pentagon ? ", pentagon" : ""}.`;
  }
}

/** Our slot from the result of a join, which names us as the owner column does: slot + 1. */
function slotOf(result: unknown): number | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  const { player } = result as Record<string, unknown>;
  return typeof player === "number" && player > 0 ? player - 1 : undefined;
}
