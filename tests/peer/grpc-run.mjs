// Calls a server with npm's gRPC client and the published proto files; exit code 0 when every check passed.
//   node grpc-run.mjs PROTOS HOST:PORT [CERTIFICATE.pem [ADDRESS]]
// The server has models m (FP32 [2] echoed), bytes (UINT8 [-1] echoed) and slow (never answers).
// The client is taken from the folder in ATOLL_PEER (default /opt/peer).
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';

const [protos, host, pem, other] = process.argv.slice(2);
const peer = createRequire(join(process.env.ATOLL_PEER ?? '/opt/peer', 'package.json'));
const grpc = peer('@grpc/grpc-js');
const loader = peer('@grpc/proto-loader');

const loaded = grpc.loadPackageDefinition(loader.loadSync(['inference.proto', 'health.proto'], {
  includeDirs: [protos], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true,
}));
const address = other || host;
const credentials = pem ? grpc.credentials.createSsl(readFileSync(pem)) : grpc.credentials.createInsecure();
const large = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const connect = (options = {}) =>
  new loaded.inference.GRPCInferenceService(address, credentials, { ...large, ...options });
const client = connect();
const health = new loaded.grpc.health.v1.Health(address, credentials);

const call = (method, request, options = {}, on = client) => new Promise((resolve, reject) =>
  on[method](request, new grpc.Metadata(), options, (error, response) => error ? reject(error) : resolve(response)));
const floats = (...values) => Buffer.from(new Float32Array(values).buffer);
const request = (model, ...values) => ({
  model_name: model, id: `${values[0]}`, inputs: [{ name: 'x', datatype: 'FP32', shape: [2] }],
  raw_input_contents: [floats(...values)],
});
const byteRequest = (data) => ({
  model_name: 'bytes', inputs: [{ name: 'x', datatype: 'UINT8', shape: [data.length] }], raw_input_contents: [data],
});
const fails = (promise, code, message) => assert.rejects(promise, (error) => {
  assert.equal(error.code, code, error.message);
  assert.match(error.details, message);
  return true;
});

// Resolves when the first answer has come; the answer of `slow` never does.
const firstOf = (stream) => new Promise((resolve, reject) => {
  stream.once('data', resolve);
  stream.once('error', reject);
});

const checks = {
  async information() {
    assert.equal((await call('ServerLive', {})).live, true);
    assert.equal((await call('ServerReady', {})).ready, true);
    assert.equal((await call('ModelReady', { name: 'm' })).ready, true);
    assert.ok((await call('ServerMetadata', {})).extensions.length > 0);
    const model = await call('ModelMetadata', { name: 'm' });
    assert.deepEqual([model.inputs[0].name, model.inputs[0].datatype, model.inputs[0].shape], ['x', 'FP32', [2]]);
    assert.equal((await call('ModelConfig', { name: 'm' })).config.input[0].data_type, 'TYPE_FP32');
  },

  async unary() {
    const answer = await call('ModelInfer', request('m', 3, 4));
    assert.deepEqual([answer.model_name, answer.id, answer.outputs[0].shape], ['m', '3', [2]]);
    assert.ok(answer.raw_output_contents[0].equals(floats(3, 4)));
  },

  async typed() {
    const typed = request('m', 0, 0);
    typed.raw_input_contents = [];
    typed.inputs[0].contents = { fp32_contents: [5, 6.5] };
    assert.ok((await call('ModelInfer', typed)).raw_output_contents[0].equals(floats(5, 6.5)));
  },

  async streaming() {
    const stream = client.ModelStreamInfer();
    const answers = [];
    const ended = new Promise((resolve, reject) => stream
      .on('data', (answer) => answers.push(answer)).on('end', resolve).on('error', reject));
    for (let i = 0; i < 100; i++) {
      stream.write(request(i === 50 ? 'absent' : 'm', i, i));
    }
    stream.end();
    await ended;
    assert.equal(answers.length, 100);
    assert.deepEqual(answers.map((a) => +a.infer_response.id).sort((a, b) => a - b), [...Array(100).keys()]);
    const failed = answers.filter((answer) => answer.error_message);
    assert.deepEqual(failed.map((a) => a.error_message), ["Request for unknown model: 'absent' is not found"]);
  },

  async error() {
    await fails(call('ModelInfer', request('größer 100 %', 1, 2)), grpc.status.NOT_FOUND, /'größer 100 %' is not found$/);
    await fails(call('ModelInfer', request('m', 1, 2, 3)), grpc.status.INVALID_ARGUMENT, /has 12 bytes/);
    await fails(call('TraceSetting', {}), grpc.status.UNIMPLEMENTED, /writes no traces/);
  },

  async deadline() {
    const options = { deadline: Date.now() + 300 };
    await fails(call('ModelInfer', request('slow', 1, 2), options), grpc.status.DEADLINE_EXCEEDED, /./);
  },

  async cancel() {
    const answer = new Promise((resolve, reject) => {
      const running = client.ModelInfer(request('slow', 1, 2), (error, r) => error ? reject(error) : resolve(r));
      setTimeout(() => running.cancel(), 100);
    });
    await fails(answer, grpc.status.CANCELLED, /./);
  },

  async cancelStream() {
    const stream = client.ModelStreamInfer();
    stream.write(request('slow', 1, 2));
    stream.write(request('m', 7, 8));
    assert.equal((await firstOf(stream)).infer_response.id, '7');
    const ended = new Promise((resolve) => stream.on('error', resolve));
    stream.cancel();
    assert.equal((await ended).code, grpc.status.CANCELLED);
  },

  async large() {
    const data = Buffer.alloc(64 << 20);
    for (let i = 0; i < data.length; i += 4096) {
      data.writeUInt32LE(i, i);
    }
    assert.ok((await call('ModelInfer', byteRequest(data))).raw_output_contents[0].equals(data));
  },

  async compression() {
    for (const algorithm of [grpc.compressionAlgorithms.gzip, grpc.compressionAlgorithms.deflate]) {
      const compressing = connect({ 'grpc.default_compression_algorithm': algorithm });
      const data = Buffer.alloc(1 << 20, 'compress me ');
      const answer = await call('ModelInfer', byteRequest(data), {}, compressing);
      assert.ok(answer.raw_output_contents[0].equals(data));
      compressing.close();
    }
  },

  async health() {
    assert.equal((await call('Check', { service: '' }, {}, health)).status, 'SERVING');
    await fails(call('Check', { service: 'else' }, {}, health), grpc.status.NOT_FOUND, /else/);
    const watch = health.Watch({ service: '' });
    assert.equal((await firstOf(watch)).status, 'SERVING');
    watch.on('error', () => {});
    watch.cancel();
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`passed ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.stack ?? error}`);
  }
}
client.close();
health.close();
process.exit(failed ? 1 : 0);
