// A Redis client of one page: what one would type into redis-cli.

import { type Socket, connect } from "node:net";

export type Reply = string | number | null | Reply[];

export class Redis {
  private pending: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  private buffer = Buffer.alloc(0);

  private constructor(private readonly socket: Socket) {
    socket.on("data", (data) => {
      this.buffer = Buffer.concat([this.buffer, data]);
      this.read();
    });
    socket.on("close", () => {
      for (const { reject } of this.pending.splice(0)) reject(new Error("the server closed the connection"));
    });
    socket.on("error", () => {});
  }

  static open(port: number): Promise<Redis> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new Redis(socket)));
      socket.on("error", reject);
    });
  }

  ask(...words: (string | number | Buffer)[]): Promise<Reply> {
    const parts = words.map((word) => {
      const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
      return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]);
    });
    this.socket.write(Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]));
    return new Promise((resolve, reject) => this.pending.push({ resolve, reject }));
  }

  close(): void {
    this.socket.destroy();
  }

  private read(): void {
    for (;;) {
      const found = parse(this.buffer, 0);
      if (found === null) return;
      this.buffer = this.buffer.subarray(found.end);
      const waiting = this.pending.shift();
      if (found.reply instanceof Error) waiting?.reject(found.reply);
      else waiting?.resolve(found.reply);
    }
  }
}

function parse(data: Buffer, at: number): { reply: Reply | Error; end: number } | null {
  const line = data.indexOf("\r\n", at);
  if (line < 0) return null;
  const text = data.toString("utf8", at + 1, line);
  let end = line + 2;
  switch (data[at]) {
    case 0x2b: // +
      return { reply: text, end };
    case 0x2d: // -
      return { reply: new Error(text), end };
    case 0x3a: // :
      return { reply: Number(text), end };
    case 0x24: {
      const length = Number(text);
      if (length < 0) return { reply: null, end };
      if (data.length < end + length + 2) return null;
      return { reply: data.toString("utf8", end, end + length), end: end + length + 2 };
    }
    default: {
      const replies: Reply[] = [];
      for (let left = Number(text); left > 0; left--) {
        const inner = parse(data, end);
        if (inner === null) return null;
        replies.push(inner.reply as Reply);
        end = inner.end;
      }
      return { reply: replies, end };
    }
  }
}
