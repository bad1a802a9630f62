/** What is around the planet: its air, the sun, and stars strewn along a band. All decoration, from a fixed seed. */
import {
  AdditiveBlending,
  BackSide,
  BufferGeometry,
  CanvasTexture,
  Color,
  Float32BufferAttribute,
  GLSL3,
  Group,
  Mesh,
  Points,
  RawShaderMaterial,
  ShaderMaterial,
  SphereGeometry,
  Sprite,
  SpriteMaterial,
  Vector3,
} from "three";
import { AIR_FRAGMENT, AIR_VERTEX } from "./shaders.ts";

const STAR_COUNT = 5200;
const STAR_DISTANCE = 90;

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function stars(): Points {
  const next = random(0x51a7);
  const gaussian = () => next() + next() + next() - 1.5;
  const positions: number[] = [];
  const colours: number[] = [];
  const sizes: number[] = [];
  const pole = new Vector3(0.35, -0.5, 0.79).normalize();
  const tint = new Color();
  for (let k = 0; k < STAR_COUNT; k++) {
    const star = new Vector3(gaussian(), gaussian(), gaussian()).normalize();
    if (k % 5 < 3) star.addScaledVector(pole, -star.dot(pole) * (0.78 + 0.2 * next())).normalize();
    positions.push(...star.multiplyScalar(STAR_DISTANCE).toArray());
    const magnitude = next() ** 7;
    const warmth = next();
    tint.setHSL(warmth < 0.3 ? 0.08 : 0.6, 0.15 + 0.35 * next(), 0.8);
    const brightness = 0.16 + 0.22 * next() + 0.8 * magnitude;
    colours.push(tint.r * brightness, tint.g * brightness, tint.b * brightness);
    sizes.push(0.9 + 2.6 * magnitude);
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new Float32BufferAttribute(positions, 3));
  geometry.setAttribute("aColour", new Float32BufferAttribute(colours, 3));
  geometry.setAttribute("aSize", new Float32BufferAttribute(sizes, 1));
  const material = new ShaderMaterial({
    glslVersion: GLSL3,
    transparent: true,
    depthWrite: false,
    blending: AdditiveBlending,
    uniforms: { uScale: { value: 1 } },
    vertexShader: `in vec3 aColour; in float aSize; uniform float uScale; out vec3 vColour;
      void main() { vColour = aColour; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); gl_PointSize = max(1.0, aSize * uScale); }`,
    fragmentShader: `in vec3 vColour; out vec4 colour;
      void main() { float r = length(gl_PointCoord - 0.5) * 2.0; colour = vec4(vColour * (1.0 - smoothstep(0.25, 1.0, r)), 1.0); }`,
  });
  const points = new Points(geometry, material);
  points.frustumCulled = false;
  return points;
}

/** A soft disc of light, drawn once into a texture. */
function glow(stops: [number, string][]): CanvasTexture {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 256;
  const context = canvas.getContext("2d")!;
  const gradient = context.createRadialGradient(128, 128, 0, 128, 128, 128);
  for (const [at, colour] of stops) gradient.addColorStop(at, colour);
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 256);
  return new CanvasTexture(canvas);
}

function sprite(texture: CanvasTexture, size: number, opacity: number): Sprite {
  const material = new SpriteMaterial({
    map: texture,
    blending: AdditiveBlending,
    depthWrite: false,
    transparent: true,
    opacity,
  });
  const made = new Sprite(material);
  made.scale.setScalar(size);
  return made;
}

export class Sky {
  readonly group = new Group();
  private readonly stars = stars();
  private readonly sun = new Group();
  private readonly nebulae: Group | undefined;
  readonly airUniforms = { uEye: { value: new Vector3() }, uSun: { value: new Vector3() } };

  /** @param rich adds the wide faint clouds, which cost much fill rate. */
  constructor(rich: boolean) {
    const air = new Mesh(
      new SphereGeometry(1.26, 64, 40),
      new RawShaderMaterial({
        glslVersion: GLSL3,
        vertexShader: AIR_VERTEX,
        fragmentShader: AIR_FRAGMENT,
        uniforms: this.airUniforms,
        side: BackSide,
        transparent: true,
        depthWrite: false,
        blending: AdditiveBlending,
      }),
    );
    this.sun.add(
      sprite(
        glow([
          [0, "rgba(255,246,226,1)"],
          [0.13, "rgba(255,232,190,1)"],
          [0.17, "rgba(255,196,120,.42)"],
          [0.45, "rgba(255,160,80,.10)"],
          [1, "rgba(255,140,60,0)"],
        ]),
        22,
        1,
      ),
    );
    this.group.add(this.stars, this.sun, air);
    if (rich) this.group.add((this.nebulae = nebulae()));
  }

  update(eye: Vector3, sun: Vector3, pixelRatio: number): void {
    this.airUniforms.uEye.value.copy(eye);
    this.airUniforms.uSun.value.copy(sun);
    this.stars.position.copy(eye);
    this.nebulae?.position.copy(eye);
    this.sun.position.copy(sun).multiplyScalar(60).add(eye);
    (this.stars.material as ShaderMaterial).uniforms.uScale.value = pixelRatio * 1.25;
  }
}

function nebulae(): Group {
  const next = random(0xbead);
  const group = new Group();
  const pole = new Vector3(0.35, -0.5, 0.79).normalize();
  const cloud = (colour: string) =>
    glow([
      [0, colour],
      [1, "rgba(0,0,0,0)"],
    ]);
  const clouds = [cloud("rgba(86,74,160,.9)"), cloud("rgba(40,96,130,.9)"), cloud("rgba(140,70,90,.9)")];
  for (let k = 0; k < 26; k++) {
    const at = new Vector3(next() - 0.5, next() - 0.5, next() - 0.5).normalize();
    at.addScaledVector(pole, -at.dot(pole) * (0.9 + 0.1 * next()))
      .normalize()
      .multiplyScalar(80);
    const made = sprite(clouds[k % 3], 34 + 44 * next(), 0.05 + 0.06 * next());
    made.position.copy(at);
    group.add(made);
  }
  return group;
}
