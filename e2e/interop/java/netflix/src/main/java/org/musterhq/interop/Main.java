package org.musterhq.interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.appinfo.ApplicationInfoManager;
import com.netflix.appinfo.EurekaInstanceConfig;
import com.netflix.appinfo.InstanceInfo;
import com.netflix.appinfo.InstanceInfo.InstanceStatus;
import com.netflix.appinfo.InstanceInfo.PortType;
import com.netflix.appinfo.MyDataCenterInstanceConfig;
import com.netflix.appinfo.providers.EurekaConfigBasedInstanceInfoProvider;
import com.netflix.discovery.DefaultEurekaClientConfig;
import com.netflix.discovery.DiscoveryClient;
import com.netflix.discovery.shared.Application;
import com.netflix.discovery.shared.transport.jersey3.Jersey3TransportClientFactories;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A program with Netflix' own client, as the wiki of that project has it. It is told what to do on standard input. */
public final class Main {
    private static final Map<String, String> ENV = System.getenv();

    /** What the instance says of itself. */
    private static final class Instance extends MyDataCenterInstanceConfig {
        @Override public String getInstanceId() { return ENV.get("INSTANCE"); }
        @Override public String getAppname() { return ENV.get("APP"); }
        @Override public String getVirtualHostName() { return ENV.get("APP"); }
        @Override public String getHostName(boolean refresh) { return "127.0.0.1"; }
        @Override public String getIpAddress() { return "127.0.0.1"; }
        @Override public int getNonSecurePort() { return Integer.parseInt(ENV.get("PORT")); }
        @Override public boolean isInstanceEnabledOnit() { return true; }
        @Override public int getLeaseRenewalIntervalInSeconds() { return Integer.parseInt(ENV.get("RENEW")); }
        @Override public int getLeaseExpirationDurationInSeconds() { return Integer.parseInt(ENV.get("LEASE")); }
        @Override public Map<String, String> getMetadataMap() { return Map.of("client", "netflix"); }
    }

    /** Where the registry is, and how often it is read. */
    private static final class Settings extends DefaultEurekaClientConfig {
        @Override public List<String> getEurekaServerServiceUrls(String zone) {
            return List.of(ENV.get("EUREKA_URLS").replace(",", "/,").concat("/").split(","));
        }
        @Override public int getRegistryFetchIntervalSeconds() { return 1; }
        // The first heartbeat, after a second, registers, unless its 404 has a body: this client cannot read that.
        @Override public int getInitialInstanceInfoReplicationIntervalSeconds() { return 5; }
    }

    public static void main(String[] args) throws Exception {
        EurekaInstanceConfig instance = new Instance();
        ApplicationInfoManager self =
            new ApplicationInfoManager(instance, new EurekaConfigBasedInstanceInfoProvider(instance).get());
        DiscoveryClient client = new DiscoveryClient(self, new Settings(), Jersey3TransportClientFactories.getInstance());
        say("STARTED");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] word = line.split(" ");
            switch (word[0]) {
                case "status" -> {
                    self.setInstanceStatus(InstanceStatus.valueOf(word[1]));
                    say("STATUS " + word[1]);
                }
                case "sees" -> {
                    Application app = client.getApplication(word[1]);
                    say("SEES " + (app == null ? 0 : app.getInstances().size()));
                }
                case "instance" -> {
                    Application app = client.getApplication(word[1]);
                    InstanceInfo found = app == null ? null : app.getByInstanceId(word[2]);
                    say("INSTANCE " + new ObjectMapper().writeValueAsString(found == null ? null : describe(found)));
                }
                case "stop" -> {
                    client.shutdown();
                    say("STOPPED");
                    System.exit(0);
                }
                default -> say("UNKNOWN " + line);
            }
        }
        System.exit(1); // The test is gone.
    }

    /** Every field that the client has read of an instance, by the names that all clients of these tests use. */
    static Map<String, Object> describe(InstanceInfo i) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("id", i.getInstanceId());
        m.put("app", i.getAppName());
        m.put("group", i.getAppGroupName());
        m.put("host", i.getHostName());
        m.put("ip", i.getIPAddr());
        m.put("port", i.getPort());
        m.put("portEnabled", i.isPortEnabled(PortType.UNSECURE));
        m.put("securePort", i.getSecurePort());
        m.put("securePortEnabled", i.isPortEnabled(PortType.SECURE));
        m.put("status", i.getStatus().name());
        m.put("overridden", i.getOverriddenStatus().name());
        m.put("vip", i.getVIPAddress());
        m.put("secureVip", i.getSecureVipAddress());
        m.put("homePage", i.getHomePageUrl());
        m.put("statusPage", i.getStatusPageUrl());
        m.put("healthCheck", i.getHealthCheckUrls().stream().filter(u -> u.startsWith("http:")).findFirst().orElse(null));
        m.put("secureHealthCheck",
            i.getHealthCheckUrls().stream().filter(u -> u.startsWith("https:")).findFirst().orElse(null));
        m.put("asg", i.getASGName());
        m.put("country", i.getCountryId());
        m.put("dataCenter", i.getDataCenterInfo().getName().name());
        m.put("renew", i.getLeaseInfo().getRenewalIntervalInSecs());
        m.put("lease", i.getLeaseInfo().getDurationInSecs());
        m.put("dirty", i.getLastDirtyTimestamp());
        m.put("coordinating", i.isCoordinatingDiscoveryServer());
        m.put("metadata", i.getMetadata());
        return m;
    }

    private static void say(String what) {
        System.out.println("@ " + what);
    }
}
