// One ONNX Runtime process of `atoll bench peer-sharing`: loads a model with default settings, then obeys lines on
// standard input: `run SECONDS RATE` (RATE 0: closed loop) answers one line of JSON with every latency in ms.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [model, folder] = process.argv.slice(2);
const ort = createRequire(`${folder}/package.json`)('onnxruntime-node');
const session = await ort.InferenceSession.create(model);

const elementTypes = {
  float32: (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * 2),
  int64: (count, name) => BigInt64Array.from({ length: count }, (_, i) => (name.includes('mask') ? 1n : BigInt(1 + (i * 37) % 999))),
};

const feeds = {};
for (const input of session.inputMetadata) {
  const shape = input.shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
  const count = shape.reduce((a, b) => a * b, 1);
  feeds[input.name] = new ort.Tensor(input.type, elementTypes[input.type](count, input.name), shape);
}

const now = () => Number(process.hrtime.bigint()) / 1e6;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function run(seconds, rate) {
  const latencies = [];
  const start = now();
  const end = start + seconds * 1000;
  let next = start;
  while (now() < end) {
    if (rate > 0) {
      // Newest-frame rule: arrivals that have passed are skipped, all but the latest.
      const behind = Math.floor(((now() - next) / 1000) * rate);
      next += (Math.max(0, behind) / rate) * 1000;
      if (next > now()) await pause(next - now());
      next += 1000 / rate;
    }
    const begin = now();
    await session.run(feeds);
    latencies.push(now() - begin);
  }
  return { seconds: (now() - start) / 1000, latencies_ms: latencies };
}

await run(0.5, 0);
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [word, seconds, rate] = line.split(' ');
  if (word !== 'run') break;
  console.log(JSON.stringify(await run(Number(seconds), Number(rate))));
}
