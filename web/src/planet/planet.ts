/**
 * The planet on its canvas: one imperative class that React never renders. Give it state, tell it what is
 * selected, and listen to what the pointer picks.
 */
import {
  Color,
  type DataTexture,
  GLSL3,
  Mesh,
  MeshBasicMaterial,
  Raycaster,
  RawShaderMaterial,
  Scene,
  SphereGeometry,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import type { Grid } from "../grid.ts";
import { ChunkSet } from "./chunk_set.ts";
import { attachControls } from "./controls.ts";
import { FrameTimes } from "./frame_times.ts";
import { fullHeight, heightOf } from "./height.ts";
import { Marker } from "./marker.ts";
import { OrbitCamera } from "./orbit_camera.ts";
import type { Palette } from "./palette.ts";
import { TILE_FRAGMENT, TILE_VERTEX } from "./shaders.ts";
import { Sky } from "./sky.ts";
import { type StateBytes, textureOf } from "./state_texture.ts";

export type Quality = "high" | "low";

/** The page's own background, so that picture and panels share one night. */
const NIGHT = "#05060d";
const NO_TEXEL = 0xffffffff;
/** A full turn of the sun, seconds. */
const DAY_SECONDS = 900;
/** Without a graphics card frames are dear: draw this often when nobody moves the camera, milliseconds. */
const IDLE_FRAME_MS = 250;

export interface PlanetHandlers {
  onPick(cell: number): void;
  onHover(cell: number | undefined): void;
  onProgress(built: number, total: number): void;
  onContextLost(): void;
}

export interface Moment {
  /** Server time, milliseconds; turns the sun the same way for everyone. */
  serverMs: number;
  /** The tick to show, with a fraction. */
  tick: number;
}

export class Planet {
  readonly orbit = new OrbitCamera();
  readonly times = new FrameTimes();
  readonly quality: Quality;
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly sky: Sky;
  private readonly marker = new Marker();
  private readonly material: RawShaderMaterial;
  private readonly core = new Mesh(new SphereGeometry(1, 96, 64), new MeshBasicMaterial({ color: "#04050b" }));
  private readonly canvas: HTMLCanvasElement;
  private readonly handlers: PlanetHandlers;
  private readonly moment: () => Moment;
  private chunks: ChunkSet | undefined;
  private grid: Grid | undefined;
  private state: StateBytes | undefined;
  private texture: DataTexture | undefined;
  private resolution: number;
  private lastFrameMs = 0;
  private lastDrawnMs = 0;
  private opening = 0;
  private motion = true;
  private selected: number | undefined;
  private hovering: { x: number; y: number } | undefined;

  /**
   * @param moment asked once a frame
   * @throws Error when WebGL2 is missing
   */
  constructor(canvas: HTMLCanvasElement, handlers: PlanetHandlers, moment: () => Moment, wanted?: Quality) {
    this.canvas = canvas;
    this.handlers = handlers;
    this.moment = moment;
    this.quality = wanted ?? (drawsInSoftware() ? "low" : "high");
    this.resolution = this.quality === "low" ? 0.7 : 1;
    const context = canvas.getContext("webgl2", {
      antialias: this.quality === "high",
      alpha: false,
      powerPreference: "high-performance",
    });
    if (!context) throw new Error("WebGL2 is not available");
    this.renderer = new WebGLRenderer({ canvas, context });
    this.renderer.setClearColor(NIGHT, 1);
    this.sky = new Sky(this.quality === "high");
    this.material = tileMaterial(this.quality);
    this.core.visible = false;
    this.scene.add(this.core, this.sky.group, this.marker.mesh);
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      handlers.onContextLost();
    });
    attachControls(canvas, this.orbit, {
      onPick: (x, y) => {
        const cell = this.pick(x, y);
        if (cell !== undefined) handlers.onPick(cell);
      },
      onHover: (x, y) => (this.hovering = { x, y }),
      onLeave: () => {
        this.hovering = undefined;
        this.setHover(undefined);
      },
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
    this.lookAtDawn();
    this.renderer.setAnimationLoop((time) => this.frame(time));
  }

  /** Replaces the planet by one of this grid, drawing `state`, which the caller goes on writing to. */
  setWorld(grid: Grid, state: StateBytes): void {
    this.chunks?.dispose();
    if (this.chunks) this.scene.remove(this.chunks.group);
    this.texture?.dispose();
    this.grid = grid;
    this.state = state;
    this.texture = textureOf(state);
    this.opening = 0;
    this.uniform("uState", this.texture);
    this.uniform("uHeight", fullHeight(grid.n));
    this.core.scale.setScalar(Math.min(0.988, Math.cos(0.75 / grid.n)));
    this.core.visible = true;
    this.chunks = new ChunkSet(grid, this.material, this.orbit.target, this.handlers.onProgress);
    this.scene.add(this.chunks.group);
  }

  /** Uploads the state's bytes before the next frame. */
  stateChanged(): void {
    if (this.texture) this.texture.needsUpdate = true;
  }

  setPalette(palette: Palette, patterns: boolean): void {
    this.uniform(
      "uLow",
      palette.resources.map((r) => new Color(r.low)),
    );
    this.uniform(
      "uHigh",
      palette.resources.map((r) => new Color(r.high)),
    );
    this.uniform(
      "uPlayers",
      palette.players.map((p) => new Color(p)),
    );
    this.uniform("uPatterns", patterns ? 1 : 0);
  }

  setReducedMotion(reduced: boolean): void {
    this.motion = !reduced;
    this.orbit.inertia = !reduced;
    this.uniform("uMotion", reduced ? 0 : 1);
    // The sun stands still now, or moves again: nobody should have to start in the dark.
    if (!this.chunks) this.lookAtDawn();
  }

  setSelected(cell: number | undefined): void {
    this.uniform("uSelected", cell ?? NO_TEXEL);
    this.selected = cell;
    this.lastDrawnMs = 0;
  }

  /** @param owner our number as in the owner column: slot + 1, 0 when we are nobody yet. */
  setMine(owner: number): void {
    this.uniform("uMine", owner > 0 ? 1 + ((owner - 1) % 255) : 0);
  }

  flyTo(cell: number, altitude?: number): void {
    if (!this.grid) return;
    const [x, y, z] = this.grid.centres().subarray(3 * cell, 3 * cell + 3);
    this.orbit.flyTo(x, y, z, altitude);
  }

  /** The cell at a point of the window, in CSS pixels, or undefined beside the planet. */
  pick(clientX: number, clientY: number): number | undefined {
    if (!this.grid || !this.state) return undefined;
    const box = this.canvas.getBoundingClientRect();
    const point = new Vector2(((clientX - box.left) / box.width) * 2 - 1, 1 - ((clientY - box.top) / box.height) * 2);
    const raycaster = new Raycaster();
    raycaster.setFromCamera(point, this.orbit.camera);
    const { origin, direction } = raycaster.ray;
    let cell: number | undefined;
    let radius = 1;
    for (let pass = 0; pass < 3; pass++) {
      const along = origin.dot(direction);
      const inside = along * along - origin.lengthSq() + radius * radius;
      if (inside < 0) return cell;
      const hit = direction
        .clone()
        .multiplyScalar(-along - Math.sqrt(inside))
        .add(origin);
      cell = this.grid.nearest(hit.x, hit.y, hit.z, cell);
      radius = 1 + this.heightAt(cell);
    }
    return cell;
  }

  /** Where a cell's middle is in the window, CSS pixels; `visible` is false behind the horizon or outside. */
  screenPosition(cell: number): { x: number; y: number; visible: boolean } {
    if (!this.grid) return { x: 0, y: 0, visible: false };
    const [x, y, z] = this.grid.centres().subarray(3 * cell, 3 * cell + 3);
    const at = new Vector3(x, y, z).multiplyScalar(1 + this.heightAt(cell));
    const facing = at.clone().normalize().dot(this.orbit.eye) > 1;
    at.project(this.orbit.camera);
    const box = this.canvas.getBoundingClientRect();
    const visible = facing && Math.abs(at.x) < 1 && Math.abs(at.y) < 1;
    return { x: box.left + ((at.x + 1) / 2) * box.width, y: box.top + ((1 - at.y) / 2) * box.height, visible };
  }

  get drawCalls(): number {
    return this.renderer.info.render.calls;
  }

  get triangles(): number {
    return this.renderer.info.render.triangles;
  }

  get ready(): boolean {
    return this.chunks?.complete ?? false;
  }

  private heightAt(cell: number): number {
    const bytes = this.state!.bytes;
    return heightOf(this.grid!.n, bytes[4 * cell] & 7, bytes[4 * cell + 1]);
  }

  private uniform(name: string, value: unknown): void {
    this.material.uniforms[name].value = value;
  }

  private setHover(cell: number | undefined): void {
    const texel = cell ?? NO_TEXEL;
    if (this.material.uniforms.uHover.value === texel) return;
    this.uniform("uHover", texel);
    this.lastDrawnMs = 0;
    this.handlers.onHover(cell);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = Math.min(2, window.devicePixelRatio) * this.resolution;
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
    this.orbit.setAspect(width, height);
    this.lastDrawnMs = 0;
  }

  private sunDirection(): Vector3 {
    const turn = this.motion
      ? (2 * Math.PI * (this.moment().serverMs % (DAY_SECONDS * 1000))) / (DAY_SECONDS * 1000)
      : 0.6;
    return new Vector3(Math.cos(0.3) * Math.cos(turn), Math.cos(0.3) * Math.sin(turn), Math.sin(0.3));
  }

  /** Starts where the evening falls: most of the face in light, the night at its edge. */
  private lookAtDawn(): void {
    const sun = this.sunDirection();
    const longitude = Math.atan2(sun.y, sun.x) + 1.0;
    this.orbit.flyTo(Math.cos(longitude), Math.sin(longitude), 0.3);
    this.orbit.settle();
  }

  private frame(timeMs: number): void {
    const started = performance.now();
    const seconds = Math.min(0.1, (timeMs - this.lastFrameMs) / 1000);
    this.times.interval(timeMs - this.lastFrameMs);
    this.lastFrameMs = timeMs;
    const before = this.orbit.eye.clone();
    this.orbit.update(seconds);
    const moving = before.distanceToSquared(this.orbit.eye) > 1e-7;
    if (this.hovering) {
      this.setHover(this.pick(this.hovering.x, this.hovering.y));
      this.hovering = undefined;
    }
    if (this.chunks?.complete) this.opening = this.motion ? Math.min(1, this.opening + seconds / 1.6) : 1;
    if (this.quality === "low" && !moving && timeMs - this.lastDrawnMs < IDLE_FRAME_MS) return;
    this.lastDrawnMs = timeMs;
    this.draw(timeMs);
    this.times.work(performance.now() - started);
    this.adapt();
  }

  private draw(timeMs: number): void {
    const moment = this.moment();
    const sun = this.sunDirection();
    this.uniform("uEye", this.orbit.eye);
    this.uniform("uSun", sun);
    this.uniform("uTick", moment.tick);
    this.uniform("uTime", timeMs / 1000);
    this.uniform("uOpening", 1 - (1 - this.opening) ** 3);
    this.sky.update(this.orbit.eye, sun, this.renderer.getPixelRatio());
    this.placeMarker(timeMs);
    this.chunks?.cull(this.orbit.eye, this.quality === "high" ? 4 : 0.5);
    this.renderer.render(this.scene, this.orbit.camera);
  }

  private placeMarker(timeMs: number): void {
    if (this.selected === undefined || !this.grid) return this.marker.hide();
    const [x, y, z] = this.grid.centres().subarray(3 * this.selected, 3 * this.selected + 3);
    const pixel = (2 * Math.tan((this.orbit.camera.fov * Math.PI) / 360)) / Math.max(1, this.canvas.clientHeight);
    const breath = this.motion ? Math.sin(timeMs / 420) : 0;
    this.marker.place(
      new Vector3(x, y, z),
      1 + this.heightAt(this.selected),
      this.orbit.eye,
      pixel,
      0.6 / this.grid.n,
      breath,
    );
  }

  /** Trades resolution for frame time, in steps, where frames stay slow. */
  private adapt(): void {
    const next = this.times.resolutionFor(this.resolution, this.quality);
    if (next === this.resolution) return;
    this.resolution = next;
    this.resize();
  }
}

/** Asked on a canvas of its own, because antialiasing has to be chosen before the real one has a context. */
function drawsInSoftware(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function tileMaterial(quality: Quality): RawShaderMaterial {
  const vectors = (count: number) => Array.from({ length: count }, () => new Color());
  const value = <T>(initial: T) => ({ value: initial });
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: TILE_VERTEX,
    fragmentShader: TILE_FRAGMENT,
    uniforms: {
      uState: value(null),
      uHeight: value(0.01),
      uOpening: value(0),
      uEye: value(new Vector3()),
      uSun: value(new Vector3()),
      uLow: value(vectors(5)),
      uHigh: value(vectors(5)),
      uPlayers: value(vectors(12)),
      uTick: value(0),
      uTime: value(0),
      uMotion: value(1),
      uPatterns: value(0),
      uDetail: value(quality === "high" ? 1 : 0),
      uHover: value(NO_TEXEL),
      uSelected: value(NO_TEXEL),
      uMine: value(0),
    },
  });
}
