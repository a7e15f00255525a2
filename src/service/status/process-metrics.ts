// What the process costs: memory, processor time, and how late its event loop is.
//
// The names are those that other Node programs use, so that ready-made dashboards fit. Invariant: the loop's delay is
// measured only while somebody keeps asking for it: the measuring wakes the process fifty times a second.

import { monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks";
import type { Clock, Timer } from "../../base/clock.ts";
import { LIMITS } from "../../core/limits.ts";
import { single, type MetricFamily } from "./metrics.ts";

export interface ProcessMetrics {
  /** The loop's delay since the asking before; not there in the first answer. */
  collect(): readonly MetricFamily[];
  dispose(): void;
}

const RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;

export function createProcessMetrics(clock: Clock): ProcessMetrics {
  let histogram: IntervalHistogram | null = null;
  let timer: Timer | undefined;

  const stop = (): void => {
    timer?.cancel();
    timer = undefined;
    histogram?.disable();
    histogram = null;
  };

  const loopFamilies = (): MetricFamily[] => {
    timer?.cancel();
    timer = clock.after(LIMITS.metricsLoopDelayMs, stop);
    if (histogram === null) {
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      histogram.enable();
    }
    // The first scrape finds nothing measured yet, which is no delay: a figure that comes and goes breaks alerts.
    const families = describeDelay(histogram);
    histogram.reset();
    return families;
  };

  return { collect: () => [...usageFamilies(clock), ...loopFamilies()], dispose: stop };
}

function usageFamilies(clock: Clock): MetricFamily[] {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const startedAt = clock.now() / 1000 - process.uptime();
  return [
    single("process_resident_memory_bytes", "gauge", "Resident memory.", rss),
    single("process_cpu_seconds_total", "counter", "Processor time, user and system.", (user + system) / 1e6),
    single("process_start_time_seconds", "gauge", "When the process started, since the epoch.", startedAt),
    single("nodejs_heap_size_used_bytes", "gauge", "JavaScript heap in use.", heapUsed),
    single("nodejs_heap_size_total_bytes", "gauge", "JavaScript heap that is reserved.", heapTotal),
    single("nodejs_external_memory_bytes", "gauge", "Memory outside of the heap, such as buffers.", external),
  ];
}

/** Node measures from one tick to the next, so that the resolution itself is no delay. */
function describeDelay(histogram: IntervalHistogram): MetricFamily[] {
  const seconds = (ns: number): number => Math.max(0, ns - RESOLUTION_MS * 1e6) / NS_PER_SECOND;
  const lag = (name: string, what: string, ns: number): MetricFamily => {
    const help = `Delay of the event loop since the scrape before: ${what}.`;
    return single(`nodejs_eventloop_lag_${name}_seconds`, "gauge", help, seconds(ns));
  };
  return [
    lag("p50", "half were shorter", histogram.percentile(50)),
    lag("p99", "99 % were shorter", histogram.percentile(99)),
    lag("max", "the longest", histogram.max),
  ];
}
