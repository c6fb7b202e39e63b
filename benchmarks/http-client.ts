import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const headEnd = Buffer.from('\r\n\r\n');

export interface Answer {
  readonly status: number;
  readonly retryAfter: boolean;
}

/**
 * One connection that is kept alive and has one request under way. Load is made on the machine that is measured: node:http's client costs a request
 * 100 to 150 us, as much as some servers take to answer it, and would hide the difference between two of them.
 */
export class LoadClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece) => this.#take(piece));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(port: number): Promise<LoadClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new LoadClient(socket);
  }

  /** @param request made by `postRequest` or `getRequest` */
  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  /** A server ends connections that nothing came over for a while. */
  get isOpen(): boolean {
    return this.#socket.writable;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Answers of the API and of the baseline carry a Content-Length, and come whole once it is reached. */
  #take(piece: Buffer): void {
    this.#received = this.#received.length === 0 ? piece : Buffer.concat([this.#received, piece]);
    const end = this.#received.indexOf(headEnd);
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
    if (this.#received.length < end + headEnd.length + length) return;
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ status: Number(head.slice(9, 12)), retryAfter: /\r\nretry-after:/i.test(head) });
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

export function postRequest(path: string, authorization: string, body: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: ${authorization}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

export function getRequest(path: string, authorization: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${authorization}\r\n\r\n`);
}

/** As many connections to a port as there are requests under way. */
export class LoadClients {
  readonly #free: LoadClient[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** @throws Error for a status other than 2xx */
  async send(request: Buffer): Promise<void> {
    let client = this.#free.pop();
    while (client && !client.isOpen) client = this.#free.pop();
    client ??= await LoadClient.open(this.#port);
    const { status } = await client.send(request);
    this.#free.push(client);
    if (status < 200 || status > 299) throw new Error(`answered ${status}`);
  }

  close(): void {
    for (const client of this.#free) client.close();
  }
}
