/* Preloaded into processes under test: appends every outbound connection to $LEEWARD_WATCH_FILE.
 *
 * One line per call: pid, address, port. Catches what gRPC's C core, uvloop and Python alike do,
 * because all of them connect through libc. Only internet addresses are recorded: a Unix socket
 * does not leave the machine. A datagram with a destination counts as a connection, and so does
 * a name that is looked up, because libc's own resolver talks to its server behind our back. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void write_line(const char *host, int port) {
  const char *path = getenv("LEEWARD_WATCH_FILE");
  if (path != NULL) {
    char line[512];
    int length = snprintf(line, sizeof line, "%d %s %d\n", (int)getpid(), host, port);
    if (length >= (int)sizeof line) abort();
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) {
      if (write(file, line, (size_t)length) != length) abort();
      close(file);
    }
  }
}

static void record(const struct sockaddr *address) {
  char host[INET6_ADDRSTRLEN] = "?";
  int port = 0;
  int saved = errno;
  if (address == NULL) return;
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    port = ntohs(in->sin_port);
  } else if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    port = ntohs(in6->sin6_port);
  } else {
    errno = saved;
    return;
  }
  write_line(host, port);
  errno = saved;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
  record(address);
  return real(fd, address, length);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
               socklen_t length) {
  ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
      dlsym(RTLD_NEXT, "sendto");
  record(address);
  return real(fd, data, size, flags, address, length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  ssize_t (*real)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, "sendmsg");
  record(message->msg_name);
  return real(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) {
  int (*real)(int, struct mmsghdr *, unsigned int, int) = dlsym(RTLD_NEXT, "sendmmsg");
  for (unsigned int i = 0; i < count; i++) record(messages[i].msg_hdr.msg_name);
  return real(fd, messages, count, flags);
}

/* A literal address needs no server; port 53 stands for the question itself. */
static void record_name(const char *name) {
  unsigned char address[sizeof(struct in6_addr)];
  int saved = errno;
  if (name != NULL && inet_pton(AF_INET, name, address) != 1 &&
      inet_pton(AF_INET6, name, address) != 1) {
    write_line(name, 53);
  }
  errno = saved;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
      dlsym(RTLD_NEXT, "getaddrinfo");
  record_name(name);
  return real(name, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
  struct hostent *(*real)(const char *) = dlsym(RTLD_NEXT, "gethostbyname");
  record_name(name);
  return real(name);
}
