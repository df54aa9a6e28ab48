// SPDX-License-Identifier: Apache-2.0
// Two processes told what to do, one command a line on standard input: `sharing SOCKET`. The giver listens on SOCKET.
//   alloc MIB, create MIB, export, get       give memory; export sends a file, get sends an IPC handle
//   import, map, unmap, open                 take what the other sent
//   draw MIB, lend, borrow, back             the same with a pool's pointer: made, given, taken, let go of by who took it
//   free, release, close, drop               let go: of the pointer, the handle, the opened, the imported
//   used                                     answers what cuMemGetInfo says is used, in MiB
// Answers each with a line: the code, or the MiB.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver-calls.h"

#define MIB (1ull << 20)

static int peer = -1;
static CUmemoryPool pool;
static CUdeviceptr pointer, opened, mapped;
static CUmemGenericAllocationHandle handle, imported;
static size_t created_bytes, mapped_bytes;

static struct sockaddr_un address_of(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  return address;
}

/* The first to come listens. */
static void meet(const char *path) {
  struct sockaddr_un address = address_of(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
    peer = fd;
    return;
  }
  unlink(path);
  if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4) != 0) exit(3);
  printf("listening\n");
  fflush(stdout);
  peer = accept(fd, NULL, NULL);
}

union control {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_letter(const void *bytes, size_t size, int fd) {
  union control control = {.bytes = {0}};
  struct iovec part = {(void *)(uintptr_t)bytes, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
  }
  if (sendmsg(peer, &message, 0) != (ssize_t)size) exit(4);
}

static int receive_letter(void *bytes, size_t size) {
  union control control = {.bytes = {0}};
  struct iovec part = {bytes, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  int fd = -1;
  if (recvmsg(peer, &message, MSG_CMSG_CLOEXEC) != (ssize_t)size) exit(5);
  if (message.msg_controllen > 0) memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
  return fd;
}

static CUresult create(uint64_t mib) {
  struct cuda_allocation_prop prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  created_bytes = mib * MIB;
  return cuMemCreate(&handle, mib * MIB, &prop, 0);
}

static CUresult export_handle(void) {
  int fd = -1;
  CUresult result = cuMemExportToShareableHandle(&fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  if (result == CUDA_SUCCESS) send_letter(&created_bytes, sizeof(created_bytes), fd);
  if (fd >= 0) close(fd);
  return result;
}

static CUresult import_handle(void) {
  int fd = receive_letter(&mapped_bytes, sizeof(mapped_bytes));
  CUresult result = cuMemImportFromShareableHandle(&imported, (void *)(intptr_t)fd, 1);
  close(fd);
  return result;
}

static CUresult map(void) {
  CUresult result = cuMemAddressReserve(&mapped, mapped_bytes, 0, 0, 0);
  return result == CUDA_SUCCESS ? cuMemMap(mapped, mapped_bytes, 0, imported, 0) : result;
}

static CUresult get(void) {
  struct cuda_ipc_handle letter;
  CUresult result = cuIpcGetMemHandle(&letter, pointer);
  if (result == CUDA_SUCCESS) send_letter(&letter, sizeof(letter), -1);
  return result;
}

static CUresult open_letter(void) {
  struct cuda_ipc_handle letter;
  receive_letter(&letter, sizeof(letter));
  return cuIpcOpenMemHandle_v2(&opened, letter, 1);
}

static CUresult draw(uint64_t mib) {
  struct cuda_pool_props props = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                  .handle_types = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                  .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CUresult result = cuMemPoolCreate(&pool, &props);
  return result == CUDA_SUCCESS ? cuMemAllocFromPoolAsync(&pointer, mib * MIB, pool, NULL) : result;
}

static CUresult lend(void) {
  struct cuda_ipc_handle letter;
  int fd = -1;
  CUresult result = cuMemPoolExportToShareableHandle(&fd, pool, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  if (result == CUDA_SUCCESS) result = cuMemPoolExportPointer(&letter, pointer);
  if (result == CUDA_SUCCESS) send_letter(&letter, sizeof(letter), fd);
  if (fd >= 0) close(fd);
  return result;
}

/* From a pool of others nothing can be had but what they give. */
static CUresult borrow(void) {
  struct cuda_ipc_handle letter;
  int fd = receive_letter(&letter, sizeof(letter));
  CUresult result = cuMemPoolImportFromShareableHandle(&pool, (void *)(intptr_t)fd, 1, 0);
  close(fd);
  if (result != CUDA_SUCCESS) return result;
  if (cuMemAllocFromPoolAsync(&opened, MIB, pool, NULL) != CUDA_ERROR_INVALID_VALUE) return CUDA_ERROR_UNKNOWN;
  return cuMemPoolImportPointer(&opened, pool, &letter);
}

static int used_mib(void) {
  size_t free_bytes = 0, total_bytes = 0;
  cuMemGetInfo_v2(&free_bytes, &total_bytes);
  return (int)((total_bytes - free_bytes) / MIB);
}

static int obey(const char *word, uint64_t mib) {
  if (strcmp(word, "alloc") == 0) return cuMemAlloc_v2(&pointer, mib * MIB);
  if (strcmp(word, "create") == 0) return create(mib);
  if (strcmp(word, "draw") == 0) return draw(mib);
  if (strcmp(word, "lend") == 0) return lend();
  if (strcmp(word, "borrow") == 0) return borrow();
  if (strcmp(word, "back") == 0) return cuMemFree_v2(opened);
  if (strcmp(word, "export") == 0) return export_handle();
  if (strcmp(word, "import") == 0) return import_handle();
  if (strcmp(word, "map") == 0) return map();
  if (strcmp(word, "unmap") == 0) return cuMemUnmap(mapped, mapped_bytes);
  if (strcmp(word, "get") == 0) return get();
  if (strcmp(word, "open") == 0) return open_letter();
  if (strcmp(word, "free") == 0) return cuMemFree_v2(pointer);
  if (strcmp(word, "release") == 0) return cuMemRelease(handle);
  if (strcmp(word, "close") == 0) return cuIpcCloseMemHandle(opened);
  if (strcmp(word, "drop") == 0) return cuMemRelease(imported);
  return strcmp(word, "used") == 0 ? used_mib() : -1;
}

int main(int argc, char **argv) {
  CUcontext context;
  char line[80], word[16];
  if (argc < 2) return 2;
  meet(argv[1]);
  if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS) return 1;
  if (cuCtxSetCurrent(context) != CUDA_SUCCESS) return 1;
  while (fgets(line, sizeof(line), stdin) != NULL) {
    unsigned long long mib = 0;
    if (sscanf(line, "%15s %llu", word, &mib) < 1) continue;
    printf("%d\n", obey(word, mib));
    fflush(stdout);
  }
  return 0;
}
