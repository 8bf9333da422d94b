import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const openssl = (args: string[]): Promise<unknown> => promisify(execFile)("openssl", args);

/** Paths of a certificate (PEM) and of what to trust for it. */
export interface CertificateFiles {
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** Makes a certificate authority and a server certificate for 127.0.0.1 and localhost, valid for a day, in `folder`. */
export async function makeCertificate(folder: string): Promise<CertificateFiles> {
  const at = (name: string): string => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(["req", "-x509", ...key, "-keyout", at("ca-key.pem"), "-out", at("ca.pem"), "-days", "1", "-subj", "/CN=Millrace test authority"]);
  await openssl(["req", "-new", ...key, "-keyout", at("key.pem"), "-out", at("request.pem"), "-subj", "/CN=localhost"]);
  // rustls refuses a server certificate that is an authority itself, so the two are apart.
  await writeFile(at("extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
  await openssl([
    "x509", "-req", "-in", at("request.pem"), "-CA", at("ca.pem"), "-CAkey", at("ca-key.pem"), "-CAcreateserial",
    "-days", "1", "-extfile", at("extensions"), "-out", at("cert.pem"),
  ]);
  return { caPath: at("ca.pem"), certPath: at("cert.pem"), keyPath: at("key.pem") };
}
