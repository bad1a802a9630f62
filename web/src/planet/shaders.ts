/** The tiles' GLSL. Heights match height.ts, the bytes match state_texture.ts, the roles match mesh.ts. */

export const TILE_VERTEX = /* glsl */ `
precision highp float;
precision highp usampler2D;

in vec4 aDirection;   // unit direction, and the vertex role / 32767
in uvec2 aCells;      // own cell, cell across the edge

uniform usampler2D uState;
uniform float uHeight;
uniform float uOpening;   // 0..1 while the planet rises from its sphere
uniform mat4 modelViewMatrix;
uniform mat4 projectionMatrix;

out vec3 vWorld;
out vec3 vUp;
out vec2 vLocal;      // 0 at the centre, length 1 at the corners
out float vEdge;      // 0 at the centre, 1 on the rim
out float vDrop;      // on sides: 0 at the top, 1 at the bottom
out float vGeology;
flat out uvec4 fState;
flat out uvec4 fOther;
flat out float fHeight;
flat out float fOtherHeight;
flat out int fSide;
flat out uint fCell;

uvec4 stateOf(uint cell) { return texelFetch(uState, ivec2(int(cell & 511u), int(cell >> 9)), 0); }

float heightOf(uvec4 s) {
  uint dye = s.r & 7u;
  if (dye == 0u) return 0.0;
  float filled = float(s.g) / 255.0;
  return uHeight * uOpening * (dye == 4u ? 0.55 + 0.7 * filled : 0.12 + 0.88 * filled);
}

float hash(vec3 p) { p = fract(p * 0.3183099 + 0.1); p *= 17.0; return fract(p.x * p.y * p.z * (p.x + p.y + p.z)); }

float noise(vec3 p) {
  vec3 i = floor(p), f = fract(p);
  f = f * f * (3.0 - 2.0 * f);
  return mix(mix(mix(hash(i), hash(i + vec3(1,0,0)), f.x), mix(hash(i + vec3(0,1,0)), hash(i + vec3(1,1,0)), f.x), f.y),
             mix(mix(hash(i + vec3(0,0,1)), hash(i + vec3(1,0,1)), f.x), mix(hash(i + vec3(0,1,1)), hash(i + vec3(1,1,1)), f.x), f.y), f.z);
}

void main() {
  int role = int(round(aDirection.w * 32767.0));
  fState = stateOf(aCells.x);
  fOther = stateOf(aCells.y);
  fHeight = heightOf(fState);
  fOtherHeight = heightOf(fOther);
  fCell = aCells.x;
  fSide = role >= 32 ? 1 : 0;
  vUp = normalize(aDirection.xyz);
  float height = role >= 40 ? min(fHeight, fOtherHeight) : fHeight;
  vDrop = role >= 40 ? 1.0 : 0.0;
  float turn = role >= 16 ? float(role - 16) * 1.2566371 : float(role - 8) * 1.0471976;
  vEdge = role == 0 ? 0.0 : 1.0;
  vLocal = role == 0 ? vec2(0.0) : vec2(cos(turn), sin(turn));
  vGeology = 0.65 * noise(vUp * 3.1 + 7.0) + 0.35 * noise(vUp * 9.0);
  vWorld = vUp * (1.0 + height);
  gl_Position = projectionMatrix * modelViewMatrix * vec4(vWorld, 1.0);
}
`;

export const TILE_FRAGMENT = /* glsl */ `
precision highp float;
precision highp int;

in vec3 vWorld;
in vec3 vUp;
in vec2 vLocal;
in float vEdge;
in float vDrop;
in float vGeology;
flat in uvec4 fState;
flat in uvec4 fOther;
flat in float fHeight;
flat in float fOtherHeight;
flat in int fSide;
flat in uint fCell;

uniform vec3 uEye;
uniform vec3 uSun;
uniform vec3 uLow[5];
uniform vec3 uHigh[5];
uniform vec3 uPlayers[12];
uniform float uTick;       // shown tick, with fraction
uniform float uHeight;
uniform float uTime;       // seconds
uniform float uMotion;     // 0 when motion is to be reduced
uniform float uPatterns;   // 1 draws the motif of each resource strongly
uniform float uDetail;     // 0 leaves out the fine ornaments
uniform uint uHover;
uniform uint uSelected;
uniform uint uMine;

out vec4 colour;

vec3 playerColour(uint owner) { return uPlayers[int((owner - 1u) % 12u)]; }

float hash1(uint n) { n = (n << 13u) ^ n; n = n * (n * n * 15731u + 789221u) + 1376312589u; return float(n & 0xffffu) / 65535.0; }

vec3 film(vec3 x) { return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0); }

// A line of a given width around zero, with an edge one pixel soft.
float line(float d, float width) { float w = fwidth(d); return 1.0 - smoothstep(width - w, width + w, abs(d)); }

// Motifs after batik cloth: kawung petals, parang waves, ceplok rings, a star. Fades before it aliases.
float motif(uint dye, vec2 p) {
  float r = length(p);
  float angle = atan(p.y, p.x);
  if (dye == 1u) { float petal = abs(sin(angle * 3.0)); return line(r - 0.60 * petal - 0.04, 0.035) * step(r, 0.72) + line(r - 0.08, 0.03); }
  if (dye == 2u) { float wave = p.x * 3.0 + sin(p.y * 5.0) * 0.35; return line(fract(wave) - 0.5, 0.09) * step(r, 0.70); }
  if (dye == 3u) return line(r - 0.22, 0.04) + line(r - 0.48, 0.035) + line(r - 0.68, 0.02);
  float star = r * (0.62 + 0.38 * cos(angle * 6.0));
  return line(star - 0.2, 0.03) + line(r - 0.62, 0.02);
}

void main() {
  uint dye = fState.r & 7u;
  bool pending = (fState.r & 128u) != 0u;
  uint owner = fState.b;
  float filled = float(fState.g) / 255.0;
  float grain = hash1(fCell);

  vec3 view = normalize(uEye - vWorld);
  vec3 up = normalize(vUp);
  vec3 dx = dFdx(vWorld), dy = dFdy(vWorld);
  vec3 face = normalize(cross(dx, dy));
  if (dot(face, view) < 0.0) face = -face;

  // Direction in which the edge lies, in world space, from the screen-space slope of vEdge.
  vec3 across = cross(dx, dy);
  vec3 outward = cross(dy, across) * dFdx(vEdge) + cross(across, dx) * dFdy(vEdge);
  outward = normalize(outward - up * dot(outward, up) + 1e-9);
  float pixel = fwidth(vEdge);
  float fine = 1.0 - smoothstep(0.10, 0.45, pixel);

  vec3 albedo = mix(uLow[min(dye, 4u)], uHigh[min(dye, 4u)], dye == 0u ? vGeology : pow(filled, 0.6));
  if (dye == 0u) albedo *= 0.72 + 0.5 * vGeology + 0.14 * (grain - 0.5);
  else albedo *= (0.90 + 0.20 * grain) * mix(vec3(0.86, 0.90, 1.04), vec3(1.10, 1.04, 0.92), vGeology);

  vec3 normal = up;
  float shade = 1.0;
  float emit = 0.0;
  if (fSide == 1) {
    normal = face;
    float steep = clamp((fHeight - fOtherHeight) / uHeight, 0.0, 1.0);
    shade = mix(0.78, 0.30, vDrop * (0.4 + 0.6 * steep));
    albedo *= 0.82;
  } else {
    float bevel = smoothstep(0.84, 0.97, vEdge);
    float dish = dye == 0u ? -0.10 : 0.06;
    normal = normalize(up + outward * (bevel * (dye == 0u ? -0.35 : 0.75) + dish * vEdge) * fine);
    float shadow = clamp((fOtherHeight - fHeight) / uHeight, 0.0, 1.0);
    shade = 1.0 - shadow * 0.62 * smoothstep(0.15, 1.0, vEdge);
    float groove = smoothstep(0.955 - pixel, 0.985, vEdge) * fine;
    shade *= 1.0 - 0.55 * groove;
    if (dye != 0u) {
      float strength = max(uDetail * 0.30, uPatterns * 0.75);
      float visible = strength * (1.0 - smoothstep(0.03, 0.14, pixel));
      if (visible > 0.01) {
        float drawn = clamp(motif(dye, vLocal), 0.0, 1.0) * visible;
        albedo = mix(albedo, albedo * 0.42, drawn);
      }
    }
  }

  float sunHeight = dot(up, uSun);
  float day = smoothstep(-0.14, 0.24, sunHeight);
  float night = 1.0 - day;
  vec3 sunColour = mix(vec3(1.10, 0.42, 0.16), vec3(1.12, 1.03, 0.92), smoothstep(-0.02, 0.42, sunHeight));
  float diffuse = max(0.0, dot(normal, uSun) * 0.86 + 0.14);
  vec3 sky = vec3(0.20, 0.27, 0.42) * (0.10 + 0.90 * day) + vec3(0.020, 0.026, 0.060);
  vec3 light = albedo * shade * (sky + sunColour * diffuse * day * 1.12);
  vec3 halfway = normalize(view + uSun);
  float gloss = pow(max(dot(normal, halfway), 0.0), dye == 0u ? 24.0 : 70.0);
  float edged = fSide == 1 ? 0.2 : 0.12 + 0.88 * smoothstep(0.84, 0.95, vEdge);
  light += sunColour * gloss * day * (dye == 0u ? 0.06 : 0.55) * shade * edged;

  // After dusk the dyes glow from inside, the fuller the brighter.
  if (dye != 0u) {
    float inner = fSide == 1 ? 0.55 * (1.0 - vDrop) : 0.35 + 0.65 * (1.0 - vEdge);
    emit = night * (0.05 + 0.42 * filled * filled) * inner;
    if (dye == 4u) emit += 0.16 + 0.10 * uMotion * sin(uTime * 1.7 + grain * 6.28);
  }
  light += uHigh[min(dye, 4u)] * emit * (fSide == 1 ? 0.5 : 1.0);

  // A ring runs outwards where resource or owner changed within the last ticks.
  if (fState.a != 0u && fSide == 0) {
    float age = mod(uTick + 1.0 - float(fState.a) + 255.0, 255.0);
    float fade = exp(-age * 0.11);
    float ring = uMotion * (1.0 - smoothstep(0.0, 0.22, abs(vEdge - age * 0.05)));
    light += mix(uHigh[min(dye, 4u)], vec3(1.0, 0.93, 0.80), 0.45) * fade * (0.06 + 0.50 * ring);
  }

  if (owner != 0u) {
    vec3 enamel = playerColour(owner);
    float mine = owner == uMine ? 1.0 : 0.75;
    float border = fOther.b != owner ? 1.0 : 0.0;
    if (fSide == 0) {
      float inlay = line(vEdge - 0.80, 0.035) * 0.55;
      float frontier = border * smoothstep(0.80 - pixel, 0.80 + pixel, vEdge) * (1.0 - 0.5 * smoothstep(0.965, 0.99, vEdge) * fine);
      float ink = max(inlay * (1.0 - 0.5 * smoothstep(0.2, 0.6, pixel)), frontier) * mine;
      vec3 lacquer = enamel * (0.55 * shade * (sky * 2.0 + sunColour * diffuse * day * 1.2) + 0.30 + 0.45 * night);
      light = mix(light, lacquer, ink * 0.94);
      light += enamel * 0.05 * mine;
    } else light += enamel * border * (1.0 - vDrop) * 0.16 * mine;
  }

  if (pending && fSide == 0) {
    float stripe = fract((vLocal.x + vLocal.y) * 2.6 - uTime * 0.55 * uMotion);
    light = mix(light, (uMine != 0u ? playerColour(uMine) : vec3(1.0, 0.9, 0.7)) * 0.85, 0.62 * step(0.5, stripe) * (1.0 - 0.6 * smoothstep(0.8, 1.0, vEdge)));
  }

  if (fSide == 0 && (fCell == uSelected || fCell == uHover)) {
    float breath = fCell == uSelected ? 0.86 + 0.14 * sin(uTime * 3.0) * uMotion : 0.55;
    float ring = smoothstep(0.865 - pixel, 0.865 + pixel, vEdge);
    light = mix(light, vec3(1.0, 0.965, 0.88) * 1.25, ring * breath);
    light += vec3(0.08, 0.07, 0.05) * breath;
  }

  float rim = pow(1.0 - max(dot(view, up), 0.0), 3.6);
  vec3 haze = mix(vec3(0.95, 0.42, 0.18), vec3(0.30, 0.56, 0.95), smoothstep(-0.05, 0.38, sunHeight));
  float hazy = rim * (0.03 + 0.62 * smoothstep(-0.22, 0.30, sunHeight));
  light = light * (1.0 - 0.75 * hazy) + haze * hazy;

  colour = vec4(pow(film(light), vec3(1.0 / 2.2)), 1.0);
}
`;

export const AIR_VERTEX = /* glsl */ `
precision highp float;
in vec3 position;
uniform mat4 modelMatrix;
uniform mat4 viewMatrix;
uniform mat4 projectionMatrix;
out vec3 vWorld;
void main() {
  vec4 world = modelMatrix * vec4(position, 1.0);
  vWorld = world.xyz;
  gl_Position = projectionMatrix * viewMatrix * world;
}
`;

/** Light scattered along the ray's closest approach to the planet: bright at the limb, gone a little above it. */
export const AIR_FRAGMENT = /* glsl */ `
precision highp float;
in vec3 vWorld;
uniform vec3 uEye;
uniform vec3 uSun;
out vec4 colour;
void main() {
  vec3 ray = normalize(vWorld - uEye);
  float along = max(0.0, -dot(uEye, ray));
  vec3 nearest = uEye + ray * along;
  float altitude = max(0.0, length(nearest) - 1.0);
  vec3 up = normalize(nearest);
  float sunHeight = dot(up, uSun);
  float lit = smoothstep(-0.34, 0.42, sunHeight);
  float dense = exp(-altitude * 34.0) * 0.78 + exp(-altitude * 11.0) * 0.17;
  vec3 hue = mix(vec3(1.0, 0.40, 0.16), vec3(0.30, 0.58, 1.0), smoothstep(-0.12, 0.34, sunHeight));
  float forward = pow(max(dot(ray, uSun), 0.0), 10.0);
  vec3 light = hue * dense * lit + vec3(1.0, 0.62, 0.32) * forward * dense * 0.9;
  light += vec3(0.10, 0.13, 0.30) * exp(-altitude * 26.0) * 0.35;
  light *= 1.0 - smoothstep(0.17, 0.24, altitude);
  colour = vec4(pow(light, vec3(1.0 / 1.8)), 1.0);
}
`;
