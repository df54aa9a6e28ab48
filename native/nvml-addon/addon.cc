// SPDX-License-Identifier: Apache-2.0
// NVML for Node: open(library), devices(), links(), processes(uuid), driverVersion(), watch(), nextEvent(waitMs), close().
// Each returns a promise and runs on a worker thread; a rejection carries NVML's own name of the error as `code`.
#include <napi.h>

#include <functional>
#include <utility>

#include "library.h"

namespace {

/* Runs `work` off the main thread; `settle` turns its result into JavaScript, back on it. */
template <typename T>
class Question : public Napi::AsyncWorker {
 public:
  using Work = std::function<kerf::ErrorName(T *)>;
  using Settle = std::function<Napi::Value(Napi::Env, const T &)>;

  Question(Napi::Env env, Work work, Settle settle)
      : Napi::AsyncWorker(env), answer_(env), work_(std::move(work)), settle_(std::move(settle)) {}

  Napi::Promise Ask() {
    Queue();
    return answer_.Promise();
  }

  void Execute() override { error_ = work_(&result_); }

  void OnOK() override {
    if (error_.empty()) {
      answer_.Resolve(settle_(Env(), result_));
      return;
    }
    Napi::Error error = Napi::Error::New(Env(), "NVML answered " + error_);
    error.Set("code", Napi::String::New(Env(), error_));
    answer_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred answer_;
  Work work_;
  Settle settle_;
  T result_{};
  kerf::ErrorName error_;
};

struct Nothing {};

Napi::Value to_undefined(Napi::Env env, const Nothing &) { return env.Undefined(); }
Napi::Value to_text(Napi::Env env, const std::string &text) { return Napi::String::New(env, text); }

Napi::Value number_or_null(Napi::Env env, int value) {
  if (value < 0) return env.Null();
  return Napi::Number::New(env, value);
}

Napi::Value text_or_null(Napi::Env env, const std::string &text) {
  if (text.empty()) return env.Null();
  return Napi::String::New(env, text);
}

Napi::Value to_processes(Napi::Env env, const std::vector<kerf::Process> &processes) {
  Napi::Array list = Napi::Array::New(env, processes.size());
  for (uint32_t i = 0; i < processes.size(); i++) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("pid", Napi::Number::New(env, processes[i].pid));
    row.Set("usedBytes", Napi::Number::New(env, static_cast<double>(processes[i].used_bytes)));
    list.Set(i, row);
  }
  return list;
}

Napi::Value to_instances(Napi::Env env, const kerf::Device &device) {
  if (!device.is_mig) return env.Null();
  Napi::Array list = Napi::Array::New(env, device.instances.size());
  for (uint32_t i = 0; i < device.instances.size(); i++) {
    const kerf::Instance &instance = device.instances[i];
    Napi::Object row = Napi::Object::New(env);
    row.Set("uuid", Napi::String::New(env, instance.uuid));
    row.Set("gpuInstance", Napi::Number::New(env, instance.gpu_instance));
    row.Set("computeInstance", Napi::Number::New(env, instance.compute_instance));
    row.Set("gpuSlices", Napi::Number::New(env, instance.gpu_slices));
    row.Set("computeSlices", Napi::Number::New(env, instance.compute_slices));
    row.Set("memoryTotalBytes", Napi::Number::New(env, static_cast<double>(instance.memory_total_bytes)));
    row.Set("memoryUsedBytes", Napi::Number::New(env, static_cast<double>(instance.memory_used_bytes)));
    list.Set(i, row);
  }
  return list;
}

Napi::Object to_device(Napi::Env env, const kerf::Device &device) {
  Napi::Object row = Napi::Object::New(env);
  row.Set("index", Napi::Number::New(env, device.index));
  row.Set("uuid", Napi::String::New(env, device.uuid));
  row.Set("minor", Napi::Number::New(env, device.minor));
  row.Set("name", Napi::String::New(env, device.name));
  row.Set("pciBusId", Napi::String::New(env, device.pci_bus_id));
  row.Set("memoryTotalBytes", Napi::Number::New(env, static_cast<double>(device.memory_total_bytes)));
  row.Set("memoryUsedBytes", Napi::Number::New(env, static_cast<double>(device.memory_used_bytes)));
  row.Set("numaNode", number_or_null(env, device.numa_node));
  row.Set("utilizationPercent", number_or_null(env, device.utilization_percent));
  row.Set("error", text_or_null(env, device.error));
  row.Set("processes", to_processes(env, device.processes));
  row.Set("instances", to_instances(env, device));
  return row;
}

Napi::Value to_devices(Napi::Env env, const std::vector<kerf::Device> &devices) {
  Napi::Array list = Napi::Array::New(env, devices.size());
  for (uint32_t i = 0; i < devices.size(); i++) list.Set(i, to_device(env, devices[i]));
  return list;
}

Napi::Object to_device_links(Napi::Env env, const kerf::DeviceLinks &device) {
  Napi::Object row = Napi::Object::New(env);
  Napi::Array nvlinks = Napi::Array::New(env, device.nvlinks.size());
  for (uint32_t i = 0; i < device.nvlinks.size(); i++) {
    Napi::Object link = Napi::Object::New(env);
    link.Set("to", text_or_null(env, device.nvlinks[i].to));
    link.Set("count", Napi::Number::New(env, device.nvlinks[i].count));
    nvlinks.Set(i, link);
  }
  Napi::Array ancestors = Napi::Array::New(env, device.ancestors.size());
  for (uint32_t i = 0; i < device.ancestors.size(); i++) ancestors.Set(i, number_or_null(env, device.ancestors[i]));
  row.Set("uuid", Napi::String::New(env, device.uuid));
  row.Set("pciBusId", Napi::String::New(env, device.pci_bus_id));
  row.Set("nvlinks", nvlinks);
  row.Set("ancestors", ancestors);
  return row;
}

Napi::Value to_links(Napi::Env env, const std::vector<kerf::DeviceLinks> &devices) {
  Napi::Array list = Napi::Array::New(env, devices.size());
  for (uint32_t i = 0; i < devices.size(); i++) list.Set(i, to_device_links(env, devices[i]));
  return list;
}

Napi::Value to_event(Napi::Env env, const kerf::Event &event) {
  if (event.kind.empty()) return env.Null();
  Napi::Object row = Napi::Object::New(env);
  row.Set("kind", Napi::String::New(env, event.kind));
  row.Set("uuid", Napi::String::New(env, event.uuid));
  row.Set("code", Napi::Number::New(env, event.code));
  row.Set("gpuInstance", number_or_null(env, event.gpu_instance));
  return row;
}

std::string text_argument(const Napi::CallbackInfo &info) {
  return info.Length() > 0 && info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
}

/* The worker deletes itself when it has answered. */
template <typename T>
Napi::Value ask(Napi::Env env, typename Question<T>::Work work, typename Question<T>::Settle settle) {
  return (new Question<T>(env, std::move(work), std::move(settle)))->Ask();
}

Napi::Value Open(const Napi::CallbackInfo &info) {
  std::string name = text_argument(info);
  return ask<Nothing>(info.Env(), [name](Nothing *) { return kerf::open_library(name); }, to_undefined);
}

Napi::Value Devices(const Napi::CallbackInfo &info) {
  return ask<std::vector<kerf::Device>>(info.Env(), kerf::read_devices, to_devices);
}

Napi::Value Links(const Napi::CallbackInfo &info) {
  return ask<std::vector<kerf::DeviceLinks>>(info.Env(), kerf::read_links, to_links);
}

Napi::Value Processes(const Napi::CallbackInfo &info) {
  std::string uuid = text_argument(info);
  auto work = [uuid](std::vector<kerf::Process> *out) { return kerf::read_processes(uuid, out); };
  return ask<std::vector<kerf::Process>>(info.Env(), work, to_processes);
}

Napi::Value DriverVersion(const Napi::CallbackInfo &info) {
  return ask<std::string>(info.Env(), kerf::read_driver_version, to_text);
}

Napi::Value Watch(const Napi::CallbackInfo &info) {
  return ask<Nothing>(info.Env(), [](Nothing *) { return kerf::watch_events(); }, to_undefined);
}

Napi::Value NextEvent(const Napi::CallbackInfo &info) {
  uint32_t wait_ms = info.Length() > 0 && info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
  auto work = [wait_ms](kerf::Event *out) { return kerf::next_event(wait_ms, out); };
  return ask<kerf::Event>(info.Env(), work, to_event);
}

Napi::Value Close(const Napi::CallbackInfo &info) {
  return ask<Nothing>(info.Env(), [](Nothing *) { return kerf::close_library(); }, to_undefined);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open));
  exports.Set("devices", Napi::Function::New(env, Devices));
  exports.Set("links", Napi::Function::New(env, Links));
  exports.Set("processes", Napi::Function::New(env, Processes));
  exports.Set("driverVersion", Napi::Function::New(env, DriverVersion));
  exports.Set("watch", Napi::Function::New(env, Watch));
  exports.Set("nextEvent", Napi::Function::New(env, NextEvent));
  exports.Set("close", Napi::Function::New(env, Close));
  return exports;
}

}  // namespace

NODE_API_MODULE(nvml, Init)
