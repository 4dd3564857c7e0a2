// The secret that the processes of one run share. A process joins links only if it holds it.
//
// It is a CURVE key pair (CurveZMQ, rfc.zeromq.org/spec/26) made anew at each start of a run. Both
// halves stay secret: the binding end of a socket has the secret half, a connecting end must know
// the public half before it can send its first word, and neither half ever crosses the wire. libzmq
// ends a connection that does not prove this in its handshake; nothing it sent reaches a session.
#pragma once
#include <string>

namespace charter::transport {

struct RunKey {
  std::string secret;  // 40 characters of Z85
  std::string shared;  // the public half, which only holders of the secret can compute
};

// From the system's entropy.
[[nodiscard]] RunKey make_run_key();

// Of a secret that was handed over by another process. Throws std::runtime_error when it is none;
// the text does not repeat it.
[[nodiscard]] RunKey run_key(const std::string& secret);

}  // namespace charter::transport
