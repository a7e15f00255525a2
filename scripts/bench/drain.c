// `drain PORT PATH K QUIET_MS`: K WebSocket readers that cost next to nothing, so that a bench measures the sender.
//
// Reads one line from standard input, the token, and sends it as the bearer (a line that is empty sends none). Prints
// "connected" and waits for one more line; then prints "ready" and throws every byte away inside the kernel until none
// has come for QUIET_MS, and prints the bytes of the readers that got least and most, and the milliseconds from the
// first byte to the last. What came before that line does not count.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

// Reads up to the empty line byte by byte: what follows belongs to the stream.
static void read_head(int fd) {
  char head[4096];
  size_t length = 0;
  while (length < sizeof head - 1) {
    if (recv(fd, head + length, 1, 0) != 1) die("the handshake was cut off");
    head[++length] = 0;
    if (length >= 4 && memcmp(head + length - 4, "\r\n\r\n", 4) == 0) break;
  }
  if (strncmp(head, "HTTP/1.1 101", 12) == 0) return;
  fprintf(stderr, "no upgrade: %.*s\n", (int)strcspn(head, "\r"), head);
  exit(1);
}

static int open_reader(int port, const char *path, const char *token) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
  char request[2048];
  int length = snprintf(request, sizeof request,
    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s%s%s\r\n",
    path, port, *token ? "Authorization: Bearer " : "", token, *token ? "\r\n" : "");
  if (write(fd, request, length) != length) die("write");
  read_head(fd);
  return fd;
}

int main(int count, char **args) {
  if (count != 5) return 2;
  int port = atoi(args[1]), readers = atoi(args[3]), quiet_ms = atoi(args[4]);
  char token[256] = "";
  if (fgets(token, sizeof token, stdin) == NULL) die("the token");
  token[strcspn(token, "\n")] = 0;

  int poll = epoll_create1(0);
  int *fds = calloc(readers, sizeof *fds);
  long long *got = calloc(readers, sizeof *got);
  for (int i = 0; i < readers; i++) {
    fds[i] = open_reader(port, args[2], token);
    struct epoll_event wish = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(poll, EPOLL_CTL_ADD, fds[i], &wish);
  }
  puts("connected");
  fflush(stdout);
  char go[16];
  if (fgets(go, sizeof go, stdin) == NULL) return 0;
  for (int i = 0; i < readers; i++) while (recv(fds[i], NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT) > 0) continue;
  puts("ready");
  fflush(stdout);

  double first = 0, last = 0;
  struct epoll_event ready[256];
  for (;;) {
    int n = epoll_wait(poll, ready, 256, first == 0 ? -1 : quiet_ms);
    if (n == 0) break;
    last = now_ms();
    if (first == 0) first = last;
    for (int j = 0; j < n; j++) {
      int i = ready[j].data.u32;
      ssize_t bytes = recv(fds[i], NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
      if (bytes > 0) got[i] += bytes;
      else if (bytes == 0 || errno != EAGAIN) epoll_ctl(poll, EPOLL_CTL_DEL, fds[i], NULL);
    }
  }
  long long least = got[0], most = got[0];
  for (int i = 1; i < readers; i++) {
    if (got[i] < least) least = got[i];
    if (got[i] > most) most = got[i];
  }
  printf("{\"least\":%lld,\"most\":%lld,\"ms\":%.1f}\n", least, most, last - first);
  return 0;
}
