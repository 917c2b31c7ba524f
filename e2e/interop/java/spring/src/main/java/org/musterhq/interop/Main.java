package org.musterhq.interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.appinfo.InstanceInfo;
import com.netflix.appinfo.InstanceInfo.PortType;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.shared.Application;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.netflix.eureka.serviceregistry.EurekaRegistration;
import org.springframework.cloud.netflix.eureka.serviceregistry.EurekaServiceRegistry;
import org.springframework.context.ConfigurableApplicationContext;

/** A Spring Boot application with the Eureka starter and nothing else. It is told what to do on standard input. */
@SpringBootApplication
public class Main {
    public static void main(String[] args) throws Exception {
        ConfigurableApplicationContext context = SpringApplication.run(Main.class, args);
        DiscoveryClient discovery = context.getBean(DiscoveryClient.class);
        say("STARTED");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] word = line.split(" ");
            switch (word[0]) {
                case "status" -> { // What the actuator's serviceregistry endpoint does.
                    context.getBean(EurekaServiceRegistry.class).setStatus(context.getBean(EurekaRegistration.class), word[1]);
                    say("STATUS " + word[1]);
                }
                case "sees" -> say("SEES " + discovery.getInstances(word[1]).size());
                case "instance" -> {
                    Application app = context.getBean(EurekaClient.class).getApplication(word[1]);
                    InstanceInfo found = app == null ? null : app.getByInstanceId(word[2]);
                    say("INSTANCE " + new ObjectMapper().writeValueAsString(found == null ? null : describe(found)));
                }
                case "stop" -> {
                    SpringApplication.exit(context);
                    say("STOPPED");
                    System.exit(0);
                }
                default -> say("UNKNOWN " + line);
            }
        }
        System.exit(1); // The test is gone.
    }

    /** Every field that the client has read of an instance, by the names that all clients of these tests use. */
    private static Map<String, Object> describe(InstanceInfo i) {
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
